"""Scenes resized and mirrored."""

import pytest
import torch

from contrastive_lab.detect.scenes import Scene, flipped, resized, scene


def painted(box: tuple[int, int, int, int], height: int = 40, width: int = 60) -> Scene:
    """Black but for one box."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, box[1] : box[3], box[0] : box[2]] = 255
    return scene(image, [list(map(float, box))], [3])


def bright(image: torch.Tensor) -> list[float]:
    rows, columns = (image[0] > 127).nonzero().T
    return [float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1]


def test_a_mirrored_box_is_where_the_mirrored_pixels_are() -> None:
    one = flipped(painted((5, 10, 17, 30)))
    assert one.boxes.tolist() == [bright(one.image)] == [[43, 10, 55, 30]]
    assert torch.equal(flipped(one).image, painted((5, 10, 17, 30)).image)


@pytest.mark.parametrize(
    ("short", "longest", "shape"),
    [(80, 1333, (80, 120)), (20, 1333, (20, 30)), (None, 10, (40, 60)), (80, 90, (60, 90)), (40, 60, (40, 60))],
)
def test_the_shorter_side_is_as_asked_unless_the_longer_one_were_too_long(
    short: int | None, longest: int, shape: tuple[int, int]
) -> None:
    one = resized(painted((6, 10, 18, 30)), short, longest)
    assert one.image.shape[1:] == shape
    factor = shape[0] / 40
    assert one.boxes.tolist() == [[pytest.approx(factor * each) for each in (6, 10, 18, 30)]]
    assert bright(one.image) == pytest.approx(one.boxes[0].tolist(), abs=1)


def test_crowds_are_no_targets_and_a_scene_may_be_without_a_box() -> None:
    one = painted((1, 2, 3, 4))
    assert one.target["labels"].tolist() == [3]
    assert one._replace(crowd=torch.tensor([True])).target["boxes"].shape == (0, 4)
    assert scene(one.image, [], []).boxes.shape == flipped(scene(one.image, [], [])).boxes.shape == (0, 4)
