"""What collisions cost, `theory.collisions` of `theory=cost`: by made-up sweeps, with them and without."""

import math
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.errors import ConfigError
from tests.cost_rows import made_up
from tests.sweep_folder import Told, write_sweep
from tests.theory_programs import with_settings

cost = with_settings("cost")


@pytest.fixture
def table(tmp_path: Path) -> str:
    """The path of a table of an earlier `theory=cost`."""
    made_up().to_csv(tmp_path / "table.csv", index=False)
    return str(tmp_path / "table.csv")


def test_collisions_are_shown_beside_the_causes_and_fitted_to_nothing(tmp_path: Path, table: str) -> None:
    accuracy = {(None, 1): 50.0, (0, 1): 53.0, (None, 255): 60.0, (0, 255): 61.0}  # K = 1 costs 10, and 8 without them
    jobs: list[Told] = [
        ({"own_class_share": share, "K": K, "seed": seed}, {"linear_top1": top1 + seed * (K == 1 and share is None)})
        for (share, K), top1 in accuracy.items()
        for seed in (0, 1)
    ]
    told = {"collisions": str(write_sweep(tmp_path / "s", jobs)), "collisions_of": "b"}
    result, plain = (cost(table=table, **more) for more in (told, {}))
    found = {(row["arm"], row["K"], row["seed"]): row["collisions"] for row in result.table}
    assert {key: value for key, value in found.items() if not math.isnan(value)} == {("b", 1, 0): 2, ("b", 1, 1): 1}
    assert result.summary == plain.summary


@pytest.mark.parametrize(
    ("jobs", "of", "message"),
    [
        ([{"own_class_share": None, "K": 1}], "x", "collisions_of=x: must be the arm of these runs, one of a, b, c, d"),
        ([{"alpha": 4, "K": 1}], "a", "must be a sweep over own_class_share=null and 0, K and seeds"),
        ([{"own_class_share": s, "K": 1, "tau": t} for s in (None, 0) for t in (0.1, 0.2)], "a", "have one run of"),
        ([{"own_class_share": 0, "K": K} for K in (1, 255)], "a", "has no finished run with own_class_share=null"),
        ([{"own_class_share": None, "K": K} for K in (1, 255)], "a", "has no finished run with own_class_share=0"),
        ([{"own_class_share": s, "K": K} for K in (2, 255) for s in (None, 0)], "a", "no K and seed of the runs of a"),
    ],
)  # fmt: skip
def test_a_sweep_that_does_not_tell_what_collisions_cost_is_named(
    jobs: list[dict[str, Any]], of: str, message: str, tmp_path: Path, table: str
) -> None:
    folder = write_sweep(tmp_path / "s", [({**job, "seed": 0}, {"linear_top1": 50.0}) for job in jobs])
    with pytest.raises(ConfigError, match=message):
        cost(table=table, collisions=str(folder), collisions_of=of)


def test_an_arm_without_a_sweep_is_told_what_it_needs(table: str) -> None:
    with pytest.raises(ConfigError, match="collisions_of=a: needs theory"):
        cost(table=table, collisions_of="a")
