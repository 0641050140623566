import pytest

from contrastive_lab.config import data
from contrastive_lab.config.model import problems


@pytest.mark.parametrize(
    ("scale", "right"),
    [
        ([0.2, 1.0], True),
        ([1.0, 1.0], True),
        ([0.0, 1.0], False),
        ([0.5, 0.2], False),
        ([0.2, 1.1], False),
        ([1.0], False),
    ],
)
def test_areas_are_a_least_and_a_greatest_share(scale: list[float], right: bool) -> None:
    found = problems(data.Crop, {"scale": scale, "ratio": [0.75, 4 / 3], "interpolation": "bilinear"})
    assert found == ([] if right else [f"scale={scale}: must be [least,greatest], at most 1"])


def test_widths_below_8_write_outside_their_memory() -> None:
    values = {"name": "small_resnet", "stem_stride": 2}
    assert problems(data.SmallResnet, values | {"widths": [8, 16]}) == []
    assert problems(data.SmallResnet, values | {"widths": [8, 7]}) == ["widths=[8, 7]: must be 8 or more each"]
