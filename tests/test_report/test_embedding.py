"""The pictures of features: what is drawn where, for few and for many classes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from contrastive_lab.report.embedding import (
    Shown,
    confused,
    confusion_figure,
    map_figure,
    maps,
    sheet,
    shortened,
)

NOISE = np.random.default_rng(0)


def blobs(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n) % classes
    centres = 20 * NOISE.normal(size=(classes, 6))
    return (centres[labels] + NOISE.normal(size=(n, 6))).astype(np.float32), labels


def test_maps_keep_near_what_is_near_and_pca_is_the_singular_value_decomposition() -> None:
    features, labels = blobs(60, 3)
    rows, points = maps(features)
    assert rows.tolist() == [*range(60)] and list(points)[:2] == ["PCA", "t-SNE"]
    centred = features.astype(float) - features.astype(float).mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(abs(points["PCA"]), abs(left[:, :2] * values[:2]), atol=1e-8)
    found = points["t-SNE"]
    gaps = np.linalg.norm(found[:, None] - found[None], axis=2) + np.diag(np.full(60, np.inf))
    assert (labels[gaps.argmin(axis=1)] == labels).all()
    again = maps(features)[1]["t-SNE"]
    np.testing.assert_array_equal(found, again)  # a map is the same each time


def test_few_or_equal_features_have_a_map_without_a_warning_and_many_are_drawn_from() -> None:
    assert [*maps(np.ones((3, 1), np.float32))[1]] == ["PCA"]
    rows, points = maps(np.ones((7, 4), np.float32))
    assert len(rows) == 7 and all(np.isfinite(found).all() for found in points.values())


def test_at_most_two_thousand_rows_are_drawn_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.report.embedding.SAMPLE", 40)
    rows, points = maps(blobs(100, 2)[0])
    assert len({*rows.tolist()}) == len(points["PCA"]) == 40 and (np.diff(rows) > 0).all()


def test_umap_is_a_third_map_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Umap:
        def __init__(self, n_neighbors: int, random_state: int) -> None:
            assert (n_neighbors, random_state) == (7, 0)

        def fit_transform(self, rows: np.ndarray) -> np.ndarray:
            return rows[:, :2] + 1

    monkeypatch.setattr("contrastive_lab.report.embedding.find_spec", lambda name: name == "umap")
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))
    _, points = maps(blobs(8, 2)[0])
    np.testing.assert_allclose(points["UMAP"], points["PCA"] + 1)


def test_few_classes_have_a_legend_and_many_their_names_at_their_medians() -> None:
    points = {"PCA": NOISE.normal(size=(300, 2))}
    few = map_figure(points, np.arange(300) % 3, ["a", "b", "c"], "")
    assert [text.get_text() for text in few.legends[0].get_texts()] == ["a", "b", "c"]
    many = map_figure(points, np.arange(300) % 100, [f"n{i}" for i in range(100)], "")
    (axes,) = many.axes
    assert not many.legends and [text.get_text() for text in axes.texts] == [f"n{i}" for i in range(100)]
    np.testing.assert_allclose(axes.texts[5].get_position(), np.median(points["PCA"][5::100], axis=0))
    none = map_figure(points, np.full(300, -1), [], "")
    assert not none.legends and len(none.axes[0].collections) == 1


def test_a_confusion_matrix_has_shares_of_a_class_and_numbers_while_they_can_be_read() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 6]])
    axes, _ = confusion_figure(counts, ["a", "b", "c"], "kNN").axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[75, 25, 0], [0, 0, 0], [25, 0, 75]])
    assert [text.get_text() for text in axes.texts] == ["3", "1", "2", "6"]
    axes, _ = confusion_figure(np.eye(100, dtype=int), [f"n{i}" for i in range(100)], "kNN").axes
    assert not axes.texts and len(axes.get_xticklabels()) == 100


def test_what_is_mistaken_most_often_comes_first() -> None:
    counts = np.array([[3, 1, 0], [0, 5, 0], [4, 0, 6]])
    assert confused(counts, ["a", "b", "c"]) == "Most often mistaken: c for a (4 of 10), a for b (1 of 4)."
    assert confused(np.eye(2, dtype=int), ["a", "b"]) == ""


def test_the_sheet_frames_neighbours_by_their_class() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    figure = sheet([[Shown(image, "q", 1), Shown(image, "same", 1), Shown(image, "other", 0)], [Shown(image, "x", -1)]])
    colours = [axes.spines["left"].get_edgecolor() for axes in figure.axes if axes.axison]
    assert len(colours) == 4 and len({*colours[:3]}) == 3 and colours[0] == colours[3]


def test_the_end_of_a_long_name_stays() -> None:
    assert shortened("short", 8) == "short" and shortened("a_long_name_17.png", 8) == "\u2026_17.png"
