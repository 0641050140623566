"""The smallest K that is enough: judged on made-up costs, and measured on a run."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.analysis.curve import Curve
from contrastive_lab.analysis.enough import _along, _trust, answer, judged
from contrastive_lab.analysis.result import Row
from tests.conftest import TINY, only_run
from tests.theory_programs import with_settings

POINTS = {"factor": 0.0, "competition": 2.0, "noise": 4.0}
CURVE = Curve(POINTS, 0.4, 0.3, {"factor": 3.0, "competition": 1.0, "noise": 0.9}, {})


def rows(costs: dict[int, float | None]) -> list[Row]:
    """Rows whose cost is three quarters noise, the rest competition."""
    lost = {"factor lost": 0.0, "competition lost": 0.125, "noise lost": 0.1875}
    return [
        {"K": K, "cost": cost, **{name: share * (cost or 0) for name, share in lost.items()}}
        for K, cost in costs.items()
    ]


@pytest.mark.parametrize(
    ("costs", "K", "reason"),
    [
        ({1: 3.0, 2: 1.5, 4: 0.8, 8: 0.0}, 4, "K = 4 is predicted to cost 0.80 points of linear accuracy beside 8,"
         " within the tolerance of 1, and K = 2 1.50, 1.12 of it by noise."),
        ({1: 0.9, 2: 0.4, 8: 0.0}, 1, "K = 1 is predicted to cost 0.90 points of linear accuracy beside 8, within the"
         " tolerance of 1."),
        ({1: 3.0, 4: 1.2, 8: 0.0}, 8, "All 8 are needed: K = 4 is predicted to cost 1.20, 0.90 of it by noise."),
        ({1: 0.5, 2: 1.2, 4: 0.5, 8: 0.0}, 4, "K = 4 is predicted"),  # a larger one that is not enough counts
        ({1: None, 2: 0.6, 8: 0.0}, 2, "K = 2 is predicted to cost 0.60 points of linear accuracy beside 8, within the"
         " tolerance of 1, and K = 1 more than the curve was fitted to."),
    ],
)  # fmt: skip
def test_the_smallest_that_is_enough_is_named_with_the_reason(
    costs: dict[int, float | None], K: int, reason: str
) -> None:
    found, said = judged(rows(costs), CURVE, 1.0)
    assert found == K
    assert said.startswith(reason)


def test_beyond_what_the_curve_was_fitted_to_there_is_no_number() -> None:
    found, said = judged(rows({1: None, 4: None, 8: 0.0}), CURVE, 1.0)
    assert found is None
    assert said.startswith("No number: even half of the negatives loses more than any run that the curve was fitted to")
    assert "0.90 of noise" in said


def test_a_pilot_without_checkpoints_on_its_way_does_not_tell_whether_it_has_settled() -> None:
    assert _along({}, 1).startswith("Whether that has settled cannot be told")
    assert _along({1: 4, 2: None}, 3) == "On the pilot's way, by epoch of 3: K = 4 after 1, no number after 2."


def test_how_far_the_curve_was_off_is_said_beside_log_K_and_what_was_not_measured() -> None:
    off = "The curve was off by 0.40 points (root mean square) for arms that it was not fitted to"
    off += " (points for each doubling of K by 0.30)"
    few = f"{off}, more than the tolerance: check=true trains both."
    assert _trust(CURVE, 0.3, 1024) == few
    assert _trust(CURVE, 0.3, 65536) == f"{few} Of 65,536 negatives 1,024 are measured, more count as these."
    assert _trust(CURVE, 0.5, 63) == f"{off}; check=true tells."


@pytest.fixture
def run(trained: Callable[..., str], tmp_path: Path) -> Path:
    trained(*TINY[1:], "K=12", "alpha=64", "trainer.limit_train_batches=1", "epochs=2", "checkpoint.keep=[1]")
    return only_run(tmp_path)


def test_a_run_is_measured_at_powers_of_two_and_all_of_its_negatives(run: Path, tmp_path: Path) -> None:
    found = answer(run, CURVE, tolerance=50.0)
    assert [row["K"] for row in found.table] == [1, 2, 4, 8, 12]
    assert found.table[-1]["cost"] == 0
    assert found.K == 1
    assert "was off by 0.40 points" in found.trust
    assert found.along == "On the pilot's way, by epoch of 2: K = 1 after 1."
    few = found.table[2]
    table = with_settings("competition", run=str(run), K=[4, 12], alphas=[64.0], taus=[0.2])().table
    assert few["factor lost"] == pytest.approx(math.log(table[1]["factor"] / table[0]["factor"]))
    assert few["competition lost"] == pytest.approx(table[1]["competition"] - table[0]["competition"])
    assert few["cost"] == pytest.approx(2 * few["competition lost"] + 4 * few["noise lost"])
    assert few["collisions"] == pytest.approx(4 / 10, rel=0.01)  # ten classes of nearly one size
    page = found.write(tmp_path / "out", ["<one>"])
    assert "<li>&lt;one&gt;</li>" in page.read_text()
    told: dict[str, Any] = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told == {"K": 1, "sentences": ["<one>"]}
