"""One line against another, in words, where the truth is known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contrastive_lab.report.against import apart, slopes_apart
from contrastive_lab.report.comparisons import comparisons
from contrastive_lab.report.paired import Side, Trend, compared
from contrastive_lab.report.sentences import with_x
from tests.sweep_folder import grid_of, seeds, write_sweep
from tests.test_report.said import rows, said


def test_of_two_lines_both_what_differs_and_what_does_alone_is_said(tmp_path: Path) -> None:
    base = [70.0, 71.0, 72.0]
    ours = {4: [71.0, 72.6, 72.9], 16: [80.0, 81.1, 82.0], 64: [71.0, 70.0, 72.4]}
    text = said(tmp_path / "s", [*rows(dict.fromkeys(ours, base), alpha=None), *rows(ours, alpha=256)])
    assert "Holm's correction over 3: differs at K = 16 (+10.03" in text
    assert "; differs at 5 % alone, not after Holm's correction, at K = 4 (+1.17" in text
    assert "no difference found" not in text


def test_differences_at_each_k_are_said_with_holms_correction(tmp_path: Path) -> None:
    base = {4: [70.0, 71.0, 72.0], 64: [76.0, 77.0, 78.0]}
    ours = {4: [75.1, 76.0, 77.0], 64: [76.0, 77.5, 78.1]}
    text = said(tmp_path / "s", [*rows(base, alpha=None), *rows(ours, alpha=256)])
    assert "each K by itself, Holm's correction over 2: differs at K = 4 (+5.03, 95 % interval +4.89 to +5.18" in text
    text = said(tmp_path / "t", [*rows(base, alpha=None), *rows({4: base[4], 64: ours[64]}, alpha=256)])
    assert "Holm's correction over 2: the same within 0.5 points at K = 4 (+0.00" in text
    assert "; cannot be told at K = 64 (+0.20, 95 % interval -0.46 to +0.86, n = 3); about" in text
    assert "about 13 more would show a difference of that size" in text  # of the slopes


def test_slopes_are_compared_over_the_x_that_both_lines_have(tmp_path: Path) -> None:
    """Both lines bend alike, so that the slope of one that begins at a larger K is another."""
    bent = {1: [70.0, 71.0, 72.1], 4: [76.1, 77.0, 78.0], 16: [79.0, 80.1, 81.0], 64: [80.0, 81.0, 82.1]}
    later = {16: [79.1, 80.0, 81.1], 64: [80.1, 80.9, 82.0]}
    jobs = [*rows(bent, alpha=None), *rows(later, alpha=256)]
    text = said(tmp_path / "s", jobs)
    assert "alpha = 256 against alpha = K: slopes over K = 16, 64, which both have, cannot be told apart" in text
    named = comparisons(grid_of(tmp_path / "s")).set_index("comparison")["mean"]
    gaps = np.subtract(later[64], later[16]) - np.subtract(bent[64], bent[16])
    assert named["alpha = 256 less alpha = K: slope per doubling of K over 16, 64"] == pytest.approx(gaps.mean() / 2)
    apart_from = [*rows({K: bent[K] for K in (1, 4)}, alpha=None), *rows(later, alpha=256)]
    assert "slopes" not in said(tmp_path / "t", apart_from)


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_of_sweeps_without_a_difference_few_sentences_claim_one(n: int, tmp_path: Path) -> None:
    """Each sentence may be wrong in 5 of 100 of 10,000 sweeps of two flat lines, with two standard errors on top."""
    grid = grid_of(write_sweep(tmp_path / "s", [*seeds([80, 81], K=1), *seeds([80, 81], K=16)]))
    sweeps, Ks, runs = 10_000, [1.0, 16.0, 255.0], pd.DataFrame("", index=range(n), columns=[1.0, 16.0, 255.0])
    claims = dict.fromkeys(("rises", "falls", "slopes differ", "differs at K"), 0)
    for made_up in np.random.default_rng(n).normal(48, 1.0, (sweeps, 2, n, 3)):
        tables = [pd.DataFrame(values, columns=Ks) for values in made_up]
        line, base = (Side(table, runs) for table in tables)
        rows = compared(grid, "linear_top1", [(K, line, base, K) for K in Ks])
        trends = [Trend(table) for table in tables]
        told = [with_x(grid, trends[0]), *slopes_apart(grid, *trends), *apart(grid, {f"{d.at:g}": d for d in rows})]
        text = " ".join(told)
        claims = {word: count + (word in text) for word, count in claims.items()}
    most = sweeps * (0.05 + 2 * math.sqrt(0.05 * 0.95 / sweeps))
    assert 0.04 * sweeps < claims["rises"] + claims["falls"] <= most
    assert 0.04 * sweeps < claims["slopes differ"] <= most
    assert 0.03 * sweeps < claims["differs at K"] <= most
