"""What the tests of launch/ share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.launch import experiment
from contrastive_lab.launch.preflight import preflight
from contrastive_lab.record.plan import Plan
from tests.conftest import TINY, settled

SMALL = settled(*TINY, "trainer.limit_train_batches=3", "evaluation.epochs=1")


@pytest.fixture
def fig(monkeypatch: pytest.MonkeyPatch) -> None:
    """a/fig sets tau and sweeps over K and seed; eqco/fig1 has, in place of its own, a list of grids."""
    node = {
        "set": {"tau": 0.3, "head.dim": 16, "backbone.widths": [8, 16]},
        "grid": {"laptop": {"K": [4, 8], "alpha": [None, 256], "seed": [0, 1]}, "paper": {"K": [16]}},
    }
    arms = [
        {"arm": "InfoNCE", "set": {"alpha": None}, "K": [4, 8], "seed": [0, 1]},
        {"arm": "tied", "set": {"alpha": 256}, "tau": [0.5], "base_lr": [0.3], "K": [4], "seed": [0]},
        {"arm": "tied", "set": {"alpha": 256}, "tau": [0.5], "base_lr": [0.3], "K": [4], "seed": [1]},
    ]
    nodes = {"a/fig": node, "eqco/fig1": {"set": {"tau": 0.3}, "grid": {"laptop": arms}}}
    monkeypatch.setattr(experiment, "load", lambda name: nodes.get(name, {}))


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """The sweep that a line plans."""
    monkeypatch.chdir(tmp_path)

    def plan(*told: str) -> Plan:
        _, sweep = preflight(["train.py", "-m", *told])
        assert sweep is not None
        return sweep

    return plan


def stored_results(cwd: Path) -> dict[str, dict[str, Any]]:
    """The result.json of each run below a folder, by the name of the run's folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in (cwd / "outputs").rglob("*/result.json")}
