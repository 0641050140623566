"""Average precision of a detector in COCO's six ways, in percent, by torchmetrics.

AP is the mean over the IoU thresholds 0.5, 0.55, ..., 0.95, AP50 and AP75 are those of one; APs, APm and APl are of
objects of less than 32 x 32 pixels of the image as it is, of 96 x 96 at most, and of more.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

from contrastive_lab import distributed
from contrastive_lab.dataset.split import shares
from contrastive_lab.detect.data import SceneDataModule, as_input
from contrastive_lab.detect.network import Detector
from contrastive_lab.detect.scenes import Scene

BACKEND: Literal["pycocotools"] = "pycocotools"  # the reference's own; `pip install "contrastive-lab[detect]"`
WAYS = {"AP": "map", "AP50": "map_50", "AP75": "map_75", "APs": "map_small", "APm": "map_medium", "APl": "map_large"}
IOUS, RECALLS = np.linspace(0.5, 0.95, 10).tolist(), np.linspace(0, 1, 101).tolist()
Found = dict[str, Tensor]  # boxes (m, 4), labels (m,), scores (m,) of an image


def average_precision(
    found: Iterable[Found], scenes: Iterable[Scene], names: Sequence[str], per_class: bool = False
) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl in percent, and with `per_class` AP/<name> of each class; NaN where there is none.

    Boxes are in the pixels of the scenes.
    """
    # Torchmetrics' own thresholds are of 32 bits, so that a recall of exactly 0.1 falls below its 0.1.
    thresholds = {"iou_thresholds": IOUS, "rec_thresholds": RECALLS}
    metric = MeanAveragePrecision(backend=BACKEND, class_metrics=per_class, **thresholds)
    metric.warn_on_many_detections = False
    predictions = [{name: each.cpu() for name, each in own.items()} for own in found]
    targets = [{"boxes": own.boxes, "labels": own.labels, "iscrowd": own.crowd.long()} for own in scenes]
    metric.update(predictions, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values: dict[str, Any] = metric.compute()
    scores = {name: _percent(values[key]) for name, key in WAYS.items()}
    if per_class:
        labels, each = values["classes"].reshape(-1), values["map_per_class"].reshape(-1)
        known = dict(zip(labels.tolist(), each, strict=True))
        scores |= {f"AP/{name}": _percent(known.get(i, torch.tensor(-1.0))) for i, name in enumerate(names, 1)}
    return scores


def _percent(value: Tensor) -> float:
    return 100 * float(value) if value >= 0 else float("nan")  # -1: there are no such objects


def detector_precision(detector: Detector, data: SceneDataModule, per_class: bool = False) -> dict[str, float]:
    """Find objects in the test scenes, a share in each process, and score them; the same in every process."""
    own = shares(len(data.test))[distributed.rank()]
    pairs = [*find_all(detector, data, range(len(data.test))[own])]
    if len(data.test) >= distributed.world_size():
        pairs = [pair for part in distributed.gather_objects(pairs) for pair in part]
    found, scenes = zip(*pairs, strict=True)
    return average_precision(found, scenes, data.test.names, per_class)


@torch.no_grad()
def find_all(detector: Detector, data: SceneDataModule, numbers: Sequence[int]) -> Iterator[tuple[Found, Scene]]:
    """What a detector finds in test scenes of some numbers, in their own pixels, with boxes of no image kept."""
    training, like = detector.training, next(detector.parameters())
    detector.eval()
    tests = data.tests(numbers)
    while some := [*islice(tests, data.batch_size)]:
        images = [as_input(made, like.device, like.dtype) for _, made in some]
        for found, (scene, made) in zip(detector(images), some, strict=True):
            scale = torch.tensor([scene.image.shape[d] / made.image.shape[d] for d in (2, 1)] * 2)
            boxes = found["boxes"].float().cpu() * scale
            told = {"boxes": boxes, "labels": found["labels"].cpu(), "scores": found["scores"].float().cpu()}
            yield told, scene._replace(image=scene.image[:, :0, :0])  # a picture is not sent between processes
    detector.train(training)
