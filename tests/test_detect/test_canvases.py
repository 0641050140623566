"""Canvases: their boxes against their pixels, and that they are functions of their number."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from contrastive_lab.dataset import Arrays
from contrastive_lab.detect.canvases import Canvases, Layout, extent, shared
from tests.small_scenes import LAYOUT, NAMES, canvases


@pytest.mark.parametrize("overlap", [0.0, 0.3, 1.0])
def test_boxes_are_around_the_pixels_of_their_objects(overlap: float) -> None:
    """Each shade is one image: where it is seen undimmed, there is that object, as clutter is at most 0.9 of it."""
    count = 0
    for one in canvases(20, replace(LAYOUT, overlap=overlap, objects=(2, 5))):
        grey = one.image[0]
        undimmed = {shade: (grey == shade).nonzero() for shade in range(118, 131)}  # above 0.9 x 130
        found = {}
        for shade, places in undimmed.items():
            if len(places):
                (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
                found[left, top, right + 1, bottom + 1] = (shade - 101) % 5 + 1
        boxes = dict(zip(map(tuple, one.boxes.int().tolist()), one.labels.tolist(), strict=True))
        assert found.items() <= boxes.items()
        count += len(found)
    assert count > 15


def test_what_is_dark_is_no_part_of_an_object_that_is_cut_out() -> None:
    image = np.zeros((9, 20, 20, 1), dtype=np.uint8)
    image[:, 5:15, 8:12] = 255
    for cut, height, width in ((None, 10, 4), (False, 20, 20)):
        own = Layout(size=40, objects=(1, 1), sides=(20, 20), ratio=(1, 1), cut=cut)
        (one,) = Canvases(Arrays(image, np.zeros(9, dtype=np.int64)), 1, own, (0,), ("x",))
        x0, y0, x1, y1 = one.boxes[0].tolist()
        assert (y1 - y0, x1 - x0) == (height, width)


def test_a_canvas_is_a_function_of_key_and_number() -> None:
    first, again, other = canvases(), canvases(16), canvases(part="test")
    for one, two, three in zip(first, again, other, strict=False):
        assert torch.equal(one.image, two.image) and torch.equal(one.boxes, two.boxes)
        assert not torch.equal(one.image, three.image)
    assert len(first) == 8 and first.names == NAMES


def test_tiles_overlap_no_more_than_is_allowed_and_objects_are_as_many_as_asked() -> None:
    layout, source = replace(LAYOUT, overlap=0.1), torch.Generator().manual_seed(0)
    for _ in range(20):
        places = canvases(layout=layout)._places(4, source)
        assert all(shared(a, b) <= 0.1 for i, a in enumerate(places) for b in places[:i])
        assert all(min(one) >= 0 and one[0] + one[2] <= 64 and one[1] + one[3] <= 64 for one in places)
    counts = {len(one.labels) for one in canvases(30, replace(LAYOUT, objects=(0, 2), overlap=0.0))}
    assert counts == {0, 1, 2}


def test_colour_stays_colour_and_few_images_are_enough() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    (one,) = Canvases(Arrays(images, np.array([0, 1])), 1, LAYOUT, (0,), NAMES)
    assert one.image.shape == (3, 64, 64) and one.image.dtype == torch.uint8
    assert not torch.equal(one.image[0], one.image[1])


def test_the_share_of_two_tiles_and_the_extent_of_a_mask() -> None:
    assert shared((0, 0, 10, 10), (5, 5, 5, 20)) == 25 / 100
    assert shared((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    mask = torch.zeros(6, 7, dtype=torch.bool)
    mask[2, 3] = mask[4, 1] = True
    assert extent(mask) == [1, 2, 4, 5]
