import pytest

from contrastive_lab.bench.diagnostics import run


def test_diagnostics_are_a_share_of_a_step() -> None:
    (row,) = run(batch=8, K=5, rounds=1).rows
    plain, logged = row.values["plain s"] or 0, row.values["logged s"] or 0
    assert row.case == "SiMo, N = 8, K = 5" and row.values["ratio"] == pytest.approx(logged / plain)
