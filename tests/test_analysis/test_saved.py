"""What fewer negatives save, in keys, cosines and time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from contrastive_lab.analysis.saved import loss_seconds, saving
from contrastive_lab.config.overrides import composed
from contrastive_lab.losses import info_nce


@pytest.mark.parametrize(
    ("told", "said", "behind"),
    [
        (["method=simo"], "Saves little: the loss holds 64 x 4 cosines in place of 64 x 63, ", "but all 64 keys of a"),
        (["method=moco_v2", "K=512"], "Saves: the queue holds 4 keys of 128 numbers in place of 63; the loss", ""),
        (["method=npid"], "Saves: the loss holds 64 x 4 cosines in place of 64 x 63, ", "; the bank keeps a code for"),
    ],
)
def test_what_is_saved_is_said_by_where_keys_come_from(
    told: list[str], said: str, behind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = composed([*told, "batch_size=64"])
    monkeypatch.setattr("contrastive_lab.analysis.saved.stored_config", lambda folder: config)
    monkeypatch.setattr("contrastive_lab.analysis.saved.loss_seconds", lambda N, K, D, tau: K / 1e3)
    found = saving(Path("o"), 4, 63)
    assert found.startswith(said) and behind in found
    assert "takes 4.0 ms a step in place of 63.0 with their gradient" in found


class Stopwatch:
    """In place of `timeit.Timer`: two steps a time, which take 1, 8 and 3 seconds."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.step = step

    def autorange(self) -> tuple[int, float]:
        self.step()
        return 2, 0.0

    def repeat(self, number: int) -> list[float]:
        return [1.0, 8.0, 3.0]


def test_the_time_is_the_median_of_a_step_of_N_queries_and_K_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def loss(positive: Tensor, negatives: Tensor, tau: float) -> Tensor:
        shapes.append((*positive.shape, *negatives.shape))
        assert tau == 0.1
        return info_nce(positive, negatives, tau)

    monkeypatch.setattr("timeit.Timer", Stopwatch)
    monkeypatch.setattr("contrastive_lab.analysis.saved.info_nce", loss)
    assert loss_seconds(16, 800, 8, 0.1) == 3.0 / 2
    assert shapes == [(16, 16, 800)]
