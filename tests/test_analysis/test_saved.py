"""What fewer negatives save, in keys, cosines and time."""

from pathlib import Path

import pytest

from contrastive_lab.analysis.saved import loss_seconds, saving
from contrastive_lab.config.overrides import composed


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


def test_a_thousand_times_the_keys_take_longer() -> None:
    assert 0 < loss_seconds(16, 8, 8, 0.1) < loss_seconds(16, 8000, 8, 0.1)
