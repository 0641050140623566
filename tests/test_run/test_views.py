"""views.png: every pixel of the sheet, and that a run is the same without it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from contrastive_lab.record.files import CHECKPOINT, METRICS
from contrastive_lab.run.evaluate import tensors_of
from contrastive_lab.run.views import VIEWS, ViewSheet, view_sheet
from tests.conftest import TINY


def test_the_sheet_shows_each_view_as_it_was_before_normalisation() -> None:
    mean, std = [0.5, 0.25, 0.1], [0.5, 0.2, 0.3]
    # Whole numbers of 255: no rounding is involved. Image i in view v has the value 10 i + 100 v in every channel.
    values = torch.tensor([[10.0 * i + 100 * v for i in range(3)] for v in range(2)]) / 255
    views = [
        (row.view(-1, 1, 1, 1).expand(-1, 3, 32, 32) - torch.tensor(mean).view(-1, 1, 1))
        / torch.tensor(std).view(-1, 1, 1)
        for row in values
    ]
    sheet = view_sheet(views, mean, std)
    assert sheet.shape == (3 * 100 + 4, 2 * 100 + 4, 3)  # 32 pixels enlarged by 3, 4 pixels of white between
    for i in range(3):
        for v in range(2):
            cell = sheet[4 + 100 * i :, 4 + 100 * v :][:96, :96]
            assert (cell == 10 * i + 100 * v).all()
    assert (sheet[:4] == 255).all() and (sheet[:, -4:] == 255).all()


def test_small_views_stand_in_the_middle_of_their_cell_at_the_same_scale() -> None:
    sheet = view_sheet([torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 10, 10)], [0.0], [1.0])
    black = (sheet == 0).all(axis=2)
    assert black[:, :104].sum() == 96**2
    rows, columns = np.nonzero(black[:, 104:])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4 + 33, 4 + 62, 33, 62)  # 30 of 96


def test_the_sheet_has_at_most_eight_rows_and_large_images_are_not_enlarged() -> None:
    assert view_sheet([torch.zeros(20, 3, 100, 100)], [0.0], [1.0]).shape == (8 * 104 + 4, 104 + 4, 3)


def test_a_run_leaves_the_views_of_its_first_step_and_is_the_same_without_them(
    tmp_path: Path, trained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [*TINY, "trainer.limit_train_batches=2"]
    seen: list[list[torch.Tensor]] = []
    shown = ViewSheet.on_train_batch_start

    def look(self: ViewSheet, trainer: object, module: object, batch: object, number: int) -> None:
        shown(self, trainer, module, batch, number)
        seen.append([*batch.views])

    monkeypatch.setattr(ViewSheet, "on_train_batch_start", look)
    trained(*told, "hydra.run.dir=with")
    monkeypatch.setattr(ViewSheet, "on_train_batch_start", lambda *_: None)
    trained(*told, "hydra.run.dir=without")
    with_, without = tmp_path / "with", tmp_path / "without"
    sheet = np.asarray(Image.open(with_ / VIEWS))
    assert sheet.shape == (8 * 88 + 4, 2 * 88 + 4, 3)  # 28 pixels enlarged by 3, 4 pixels of white between
    mean, std = 0.2873, 0.3544
    for row, column in ((0, 0), (7, 1)):
        cell = sheet[4 + 88 * row :, 4 + 88 * column :][:84:3, :84:3, 0]
        pixels = 255 * (seen[0][column][row, 0] * std + mean).clamp(0, 1)
        np.testing.assert_allclose(cell, pixels, atol=0.51)
    assert not (without / VIEWS).exists() and not [*with_.glob("*.partial")]
    assert (with_ / METRICS).read_bytes() == (without / METRICS).read_bytes()
    first, second = (tensors_of(folder / CHECKPOINT)["state_dict"] for folder in (with_, without))
    assert first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


def test_a_disk_without_room_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    monkeypatch.setattr("contrastive_lab.run.views.first_views", lambda *_: np.zeros((2, 2, 3), np.uint8))
    ViewSheet(tmp_path).on_train_batch_start(object(), object(), object(), 0)
    assert not [*tmp_path.iterdir()]
