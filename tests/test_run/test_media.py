"""The pictures that go to W&B: the axes of the map, and which data have none."""

from types import SimpleNamespace

import numpy as np
import torch

from contrastive_lab.augment.words import TextRecipe
from contrastive_lab.run.media import Pictures, feature_map, principal_components, rendered


def test_principal_components_agree_with_the_singular_value_decomposition() -> None:
    rows = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)) * torch.tensor([5, 3, 1, 1, 1, 1, 1.0])
    points, shares = principal_components(rows)
    centred = rows.double().numpy() - rows.double().numpy().mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(points.abs(), np.abs(left[:, :2] * values[:2]), atol=1e-9)
    np.testing.assert_allclose(shares, values[:2] ** 2 / (values**2).sum(), atol=1e-12)


def test_directions_have_their_largest_entry_above_zero() -> None:
    signs = set()
    for seed in range(8):
        rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        points, _ = principal_components(rows)
        directions = torch.linalg.lstsq(rows - rows.mean(0), points).solution  # (4, 2)
        largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
        assert (largest > 0).all()
        found = torch.linalg.eigh((rows - rows.mean(0)).T @ (rows - rows.mean(0)))[1][:, -2:]
        signs |= set(found.gather(0, found.abs().argmax(dim=0, keepdim=True)).sign().flatten().tolist())
    assert signs == {-1, 1}  # without the rule both come out


def test_principal_components_ignore_a_shift_and_are_finite_for_constant_features() -> None:
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    points, _ = principal_components(rows)
    moved, _ = principal_components(rows + 3)
    torch.testing.assert_close(points, moved, atol=1e-5, rtol=0)  # float32 inputs
    points, shares = principal_components(torch.ones(5, 3))
    assert points.tolist() == [[0, 0]] * 5 and shares.tolist() == [0, 0]


def test_the_map_has_every_class_in_its_legend_and_the_shares_on_its_axes() -> None:
    rows = torch.diag(torch.tensor([3.0, 4.0]))[torch.arange(40) % 2] * torch.tensor([1.0, -1.0]).repeat(20)[:, None]
    figure = feature_map(rows.repeat(100, 1), torch.arange(4000) % 3)
    (axes,) = figure.axes
    assert sum(len(points.get_offsets()) for points in axes.collections) == 2000
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
    assert "% of the variance" in axes.get_xlabel()
    assert rendered(figure).shape == (720, 960, 3)


def test_the_map_has_the_names_of_the_classes_as_they_are() -> None:
    rows, names = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)), ("cat", "_dog", "$5$ eel", "fly")
    figure = feature_map(rows, torch.tensor([0, 1, 2] * 3), names)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["cat", " _dog", r"\$5\$ eel"]  # no fly is among them
    rendered(figure)


def test_a_map_of_many_classes_has_no_legend() -> None:
    figure = feature_map(torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), torch.arange(100))
    assert figure.legends == []


def test_texts_have_no_sheet_of_views() -> None:
    trainer = SimpleNamespace(global_step=0, datamodule=SimpleNamespace(recipe=TextRecipe(drop=0.1)))
    batch = SimpleNamespace(views=[torch.zeros(2, 5, dtype=torch.long)])
    Pictures(logger=object()).on_train_batch_start(trainer, object(), batch, 0)  # an object has no log_image
