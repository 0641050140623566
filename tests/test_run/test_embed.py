"""`embed` on an encoder: features, neighbours, the confusion matrix, and what is left on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.dataset import Arrays, Files, Splits, ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.run import embed
from contrastive_lab.run.build import build_data
from contrastive_lab.run.embed import Embedded, class_names, embed_run, embedded, nearest_rows

Compose = Callable[..., DictConfig]


class Mean(nn.Module):
    """Features are the means of the channels of a quarter each, so that images of equal colours are near."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.ones(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.own * nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(Mean(), nn.Identity())


@pytest.fixture
def config(compose: Compose, monkeypatch: pytest.MonkeyPatch, splits: Splits, encoder: Encoder) -> DictConfig:
    """A configuration whose data are random images of three classes, and whose run is the encoder above."""
    config = compose("K=5", "batch_size=16", "augment.mean=[0.5]", "augment.std=[0.25]")
    recipe = build_data(config).recipe
    monkeypatch.setattr(embed, "build_data", lambda _: ViewsDataModule(splits, recipe, 16))
    monkeypatch.setattr(embed, "stored_encoder", lambda *_: (encoder, 7))
    return config


def test_all_that_is_told_lies_in_a_new_folder(config: DictConfig, encoder: Encoder, tmp_path: Path) -> None:
    said = embed_run(tmp_path / "run", config, tmp_path / "out", "npy", "mine")
    assert said == f"150 rows of 12 features, pictures and {tmp_path / 'out' / 'embedding.html'}"
    stems = ("nearest_neighbours", "map_of_the_features", "confusion_matrix")
    made = {"features.npy", "index.csv", "embedding.json", "embedding.html", "confusion.csv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == made | {f"{stem}.png" for stem in stems}
    data = embed.build_data(config)
    train, test = (labelled_features(encoder, part, data.recipe) for part in (data.splits.train, data.splits.test))
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "features.npy"), torch.cat([train[0], test[0]]).numpy())
    index = pd.read_csv(tmp_path / "out" / "index.csv", dtype=str)
    assert index.iloc[[0, 119, 120]].to_numpy().tolist() == [
        ["train/0", "train", "0", "0"], ["train/119", "train", "2", "2"], ["test/0", "test", "0", "0"],
    ]  # fmt: skip
    card = json.loads((tmp_path / "out" / "embedding.json").read_text())
    assert card["step"] == 7 and card["classes"] == ["0", "1", "2"] and card["k"] == 40
    scores = knn(train, test, k=40, temperature=0.1)
    assert card["knn_top1"] == pytest.approx(scores.top1)  # the run's own measure
    counts = pd.read_csv(tmp_path / "out" / "confusion.csv").iloc[:, 1:].to_numpy()
    assert 100 * np.trace(counts) / 30 == pytest.approx(scores.top1) and counts.sum(axis=1).tolist() == [10] * 3
    page = (tmp_path / "out" / "embedding.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 3 and f"gets {scores.top1:.2f} % right." in page
    with pytest.raises(ConfigError, match="out: is there already; name another folder with out="):
        embed_run(tmp_path / "run", config, tmp_path / "out", "npy", "mine")


def rows(features: np.ndarray, train: int, labels: list[int]) -> Embedded:
    blank = Arrays(np.zeros((train, 2, 2, 1), np.uint8))
    rest = {} if train == len(features) else {"test": Arrays(np.zeros((len(features) - train, 2, 2, 1), np.uint8))}
    return Embedded({"train": blank, **rest}, features.astype(np.float32), np.array(labels), [], [])


def test_without_a_test_split_each_row_is_left_out_of_its_own_neighbours() -> None:
    found = rows(np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0.1, 1]]), 5, [0] * 5)
    near = nearest_rows(found, 2)
    for i in range(3):
        assert {*near.rows[i].tolist()} == {0, 1, 2} - {i}  # equal ones, in any order
    assert near.rows[3, 0] == 4 and near.rows[4, 0] == 3


def test_neighbours_of_a_test_split_are_training_rows_alone() -> None:
    features = np.random.default_rng(0).normal(size=(9, 3))
    near = nearest_rows(rows(features, 6, [0] * 9), 2)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_array_equal(near.rows, np.argsort(-(unit[6:] @ unit[:6].T), axis=1)[:, :2])


def test_images_without_labels_have_features_and_no_classes(encoder: Encoder, config: DictConfig) -> None:
    images = Arrays(np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8))
    found = embedded(encoder, ViewsDataModule(Splits(images, None, None), embed.build_data(config).recipe, 1))
    assert found.labels.tolist() == [-1] * 9 and found.classes == [] and found.features.shape == (9, 12)


def test_classes_of_files_are_named_by_their_folders() -> None:
    paths = [Path(f"/data/train/{name}.png") for name in ("cat/1", "cat/deep/2", "dog/3")]
    files = Files(paths, [0, 0, 1])
    assert class_names(Splits(files, files, None), files) == ["cat", "dog"]
    arrays = Arrays(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 2]))
    assert class_names(Splits(arrays, arrays, None), arrays) == ["0", "1", "2"]
