"""What a run of `detect` measures and shows while it trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning.loggers import WandbLogger

pytest.importorskip("pycocotools", reason='average precision needs pycocotools: pip install "contrastive-lab[detect]"')

from contrastive_lab.detect.module import DetectionModule
from contrastive_lab.optim import Optim
from contrastive_lab.run.boxes import BoxSheets, PrecisionProbe, shown
from tests.small_scenes import detector, scenes
from tests.test_detect.test_module import fitted


class Told(WandbLogger):
    """A logger of W&B's kind that keeps what it is given."""

    def __init__(self) -> None:
        self.images: list[tuple[str, Any, int]] = []

    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        self.images.append((key, images[0], step or 0))


def test_precision_is_measured_every_n_epochs_and_at_the_end_and_pictures_are_kept(tmp_path: Path) -> None:
    logger, probe = Told(), PrecisionProbe(every_n_epochs=2)
    measured, log = list[int](), DetectionModule.log_dict

    class Module(DetectionModule):
        def log_dict(self, values: Any, **options: Any) -> None:
            measured.extend([self.current_epoch] * ("AP" in values))
            assert all(value == value for value in values.values())
            log(self, values, **options)

    made = fitted(
        Module(detector(), Optim(0.1, 4)), scenes(), max_epochs=3, callbacks=[probe, BoxSheets(tmp_path, [logger])]
    )
    assert measured == [1, 2]
    assert 0 <= float(made.callback_metrics["AP"]) <= 100
    assert [(key, step) for key, _, step in logger.images] == [("scenes", 0), ("found", 6)]
    for key, sheet, _ in logger.images:
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{key}.png")), sheet)
        assert sheet.shape == (4 * 64 + 8, 4 * (4 * 64 + 4) + 4, 3)


@pytest.mark.parametrize(
    ("scores", "kept"), [([0.9, 0.5, 0.4], [True, True, False]), ([0.1, 0.3], [False, True]), ([], [])]
)
def test_a_sheet_shows_what_is_sure_or_else_the_best(scores: list[float], kept: list[bool]) -> None:
    assert shown(torch.tensor(scores)).tolist() == kept
