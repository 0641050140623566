"""The experiments of negatives: batches are told and as large at every scale, so that K = 255 is all keys at each."""

from typing import Any

import pytest

from contrastive_lab.config import options
from contrastive_lab.config.grids import grids
from contrastive_lab.launch.experiment import load

NAMES = [name for name in options("experiment") if name.startswith("negatives/")]
FEWER = {"negatives/collisions": 192, "negatives/remember": 16}  # what the most negatives are, of 255


def batches(name: str, scale: str) -> dict[Any, int]:
    """The most negatives of any arm of an experiment by batch size, 0 where K is not told."""
    found = dict[Any, int]()
    for grid in grids(load(name), scale):
        for N in grid.axes["batch_size"]:
            found[N] = max(found.get(N, 0), *grid.axes.get("K", [0]))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_as_large_at_every_scale(name: str) -> None:
    assert {*batches(name, "cifar")} >= {*batches(name, "laptop")}


@pytest.mark.parametrize("scale", ["cifar", "laptop"])
@pytest.mark.parametrize("name", [name for name in NAMES if load(name)["set"].get("method") == "simo"])
def test_the_most_negatives_are_all_keys_of_the_batch(name: str, scale: str) -> None:
    for N, most in batches(name, scale).items():
        assert most == FEWER.get(name, N - 1)
