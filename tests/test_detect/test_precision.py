"""Average precision against closed forms and against pycocotools called by itself."""

import contextlib
import io
import math

import pytest
import torch

pytest.importorskip("pycocotools", reason='average precision needs pycocotools: pip install "contrastive-lab[detect]"')

from contrastive_lab.detect.precision import average_precision, detector_precision
from contrastive_lab.detect.scenes import Scene, scene
from tests.small_scenes import NAMES, detector, scenes

IMAGE = torch.zeros(3, 0, 0, dtype=torch.uint8)


def truth(count: int = 6, side: float = 30.0) -> list[Scene]:
    return [scene(IMAGE, [[10.0 + i, 20, 10 + i + side, 20 + side]], [1 + i % 2]) for i in range(count)]


def found_of(one: Scene, shift: float = 0.0) -> dict[str, torch.Tensor]:
    return {"boxes": one.boxes + torch.tensor([shift, 0, shift, 0]), "labels": one.labels, "scores": torch.ones(1)}


def test_what_equals_the_truth_is_at_100() -> None:
    scores = average_precision([found_of(one) for one in truth()], truth(), ("x", "y", "z"), per_class=True)
    assert {k: round(v, 4) for k, v in scores.items() if not math.isnan(v)} == {
        "AP": 100, "AP50": 100, "AP75": 100, "APs": 100, "AP/x": 100, "AP/y": 100,
    }  # fmt: skip
    assert math.isnan(scores["APm"]) and math.isnan(scores["AP/z"])  # there are no such objects


@pytest.mark.parametrize(("shift", "right"), [(5, 5), (10, 1), (12, 0)])
def test_boxes_that_are_shifted_are_right_up_to_their_overlap(shift: float, right: int) -> None:
    """A square of side s that is shifted by d has an IoU of (s - d) / (s + d): 0.71, 0.5, 0.43."""
    assert right == sum((30 - shift) / (30 + shift) >= 0.5 + 0.05 * i - 1e-9 for i in range(10))
    scores = average_precision([found_of(one, shift) for one in truth()], truth(), ("x", "y"))
    assert scores["AP"] == pytest.approx(10 * right)
    assert (scores["AP50"], scores["AP75"]) == (pytest.approx(100 * (right > 0)), 0)


def by_pycocotools(found: list[dict[str, torch.Tensor]], scenes: list[Scene]) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(boxes: torch.Tensor) -> list[list[float]]:
        return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1).tolist()

    own = COCO()
    told = [
        (i, *each)
        for i, s in enumerate(scenes)
        for each in zip(rows(s.boxes), s.labels.tolist(), s.crowd.tolist(), strict=True)
    ]
    own.dataset = {
        "images": [{"id": i} for i in range(len(scenes))],
        "categories": [{"id": i} for i in (1, 2)],
        "annotations": [
            {"id": n, "image_id": i, "bbox": b, "category_id": k, "iscrowd": int(c), "area": b[2] * b[3]}
            for n, (i, b, k, c) in enumerate(told, 1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        own.createIndex()
        results = own.loadRes([
            {"image_id": i, "bbox": b, "category_id": k, "score": s}
            for i, f in enumerate(found)
            for b, k, s in zip(rows(f["boxes"]), f["labels"].tolist(), f["scores"].tolist(), strict=True)
        ])  # fmt: skip
        judge = COCOeval(own, results, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [100 * value for value in judge.stats[:6]]


def test_all_six_are_those_of_pycocotools_crowds_among_them() -> None:
    source = torch.Generator().manual_seed(0)

    def boxes(n: int) -> torch.Tensor:
        corner = 100 * torch.rand(n, 2, generator=source)
        return torch.cat([corner, corner + 4 + 120 * torch.rand(n, 2, generator=source)], dim=1)

    own, found = [], []
    for _ in range(12):
        labels = torch.randint(1, 3, (6,), generator=source)
        one = scene(IMAGE, boxes(6), labels)._replace(crowd=torch.rand(6, generator=source) < 0.2)
        moved = one.boxes + 6 * torch.randn(6, 4, generator=source)
        far = boxes(4)
        found.append({
            "boxes": torch.cat([moved, far]),
            "labels": torch.cat([labels, torch.randint(1, 3, (4,), generator=source)]),
            "scores": torch.rand(10, generator=source),
        })  # fmt: skip
        own.append(one)
    ours = [*average_precision(found, own, ("x", "y")).values()]
    assert ours == pytest.approx(by_pycocotools(found, own), abs=1e-4)
    assert 5 < ours[0] < 95


def test_a_detector_is_left_in_the_mode_it_was_in_and_scored_in_the_scenes_own_pixels() -> None:
    net, data = detector().train(), scenes()
    data.test_size = 32
    scores = detector_precision(net, data)
    assert net.training and {*scores} == {"AP", "AP50", "AP75", "APs", "APm", "APl"}
    assert data.test.names == NAMES
