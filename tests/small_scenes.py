"""Small scenes and detectors for tests."""

from functools import cache

import numpy as np
import torch

from contrastive_lab.backbone import small_resnet
from contrastive_lab.dataset import Arrays
from contrastive_lab.detect.canvases import Canvases, Layout
from contrastive_lab.detect.data import SceneDataModule
from contrastive_lab.detect.network import Detector, Sizes, stages

SIZES = Sizes(channels=16, convolutions=2, hidden=16, anchor_scale=4.0, anchors=32, rois=16, proposals=100,
              test_proposals=20, detections=10)  # fmt: skip
LAYOUT = Layout(size=64, objects=(1, 3), sides=(16, 32))
NAMES = tuple("abcde")
# One small run of the command.
TINY_DETECT = (
    "start=random", "data.images=8", "data.tests=4", "data.size=64", "data.sides=[16,32]", "batch_size=4", "epochs=2",
    "backbone.widths=[8,16]", "detector.channels=16", "detector.convolutions=1", "detector.hidden=16",
    "detector.anchors=32", "detector.rois=16", "detector.proposals=50", "detector.test_proposals=20",
    "trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false",
)  # fmt: skip


@cache
def plain_objects() -> Arrays:
    """30 grey images of 12 x 12 pixels, each of one shade from 101 to 130: what is pasted is told by its pixels."""
    images = np.full((30, 12, 12, 1), 101, dtype=np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None, None]
    return Arrays(images, np.arange(30, dtype=np.int64) % 5)


def canvases(count: int = 8, layout: Layout = LAYOUT, part: str = "train") -> Canvases:
    """Canvases of `plain_objects`."""
    return Canvases(plain_objects(), count, layout, (0, part), NAMES, "0")


def scenes(batch_size: int = 4, flip: float = 0.5) -> SceneDataModule:
    """Eight canvases to train on and four to test on."""
    return SceneDataModule(canvases(), canvases(4, part="test"), batch_size, flip=flip)


def detector() -> Detector:
    """A detector of five classes on a small ResNet, a function of nothing."""
    torch.manual_seed(0)
    return Detector(stages(small_resnet((8, 16))), 5, SIZES, [0.3], [0.4])
