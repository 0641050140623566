"""Comparisons that an experiment planned, on a made-up sweep."""

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from contrastive_lab.errors import ConfigError
from contrastive_lab.report.planned import planned, planned_figure
from contrastive_lab.report.verdict import verdict
from contrastive_lab.report.write import write_report
from tests.sweep_folder import Told, grid_of, seeds, write_sweep

FEW, MANY, SETS = [43.0, 44.0, 45.5], [48.0, 48.6, 50.2], [43.2, 44.1, 45.4]
COMPARISONS = [
    {"name": "cost of K = 1", "setting": {"arm": "one set", "K": 255}, "less": {"arm": "one set", "K": 1}},
    {"name": "its noise", "setting": {"arm": "255 sets", "K": 1}, "less": {"arm": "one set", "K": 1}},
    {"name": "never run", "setting": {"arm": "one set", "K": 7}, "less": {"arm": "one set", "K": 1}},
]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    jobs = [*seeds(FEW, arm="one set", K=1), *seeds(MANY, arm="one set", K=255)]
    jobs += seeds(SETS, arm="255 sets", K=1, sets=255)
    node: dict[str, Any] = {"x": "K", "hue": "arm", "y": "linear_top1", "margin": 1.0, "comparisons": COMPARISONS}
    return write_sweep(tmp_path / "s", jobs, experiment=node)


def test_each_comparison_is_a_paired_t_test_after_holm(sweep: Path) -> None:
    cost, noise = planned(grid_of(sweep))
    assert (cost.at, noise.at) == ("cost of K = 1", "its noise")  # what has no runs is left out
    test, other = stats.ttest_rel(MANY, FEW), stats.ttest_rel(SETS, FEW)
    assert cost.estimate.mean == pytest.approx(14.3 / 3)
    assert (cost.estimate.low, cost.estimate.high) == pytest.approx(tuple(test.confidence_interval()))
    assert test.pvalue < other.pvalue  # so that Holm doubles the first alone
    assert (cost.p, noise.p) == pytest.approx((2 * test.pvalue, other.pvalue))
    low, high = (stats.ttest_rel(SETS, [x + m for x in FEW], alternative=a) for m, a in ((-1, "greater"), (1, "less")))
    assert noise.equal == pytest.approx(2 * max(low.pvalue, high.pvalue))


def test_the_report_has_a_sentence_a_row_and_a_bar_for_each(sweep: Path) -> None:
    first, *told = verdict(grid_of(sweep))
    assert first.startswith("Planned comparisons, linear top-1 seed by seed, Holm's correction over 2 so that all")
    assert first.endswith(" these do not:")
    assert told[0].startswith("cost of K = 1: +4.77 points (95 % interval ") and "n = 3) differs." in told[0]
    assert told[1].startswith("its noise: +0.07 points") and "the same within 1 point" in told[1]
    write_report(sweep)
    rows = (sweep / "report" / "figures" / "comparisons.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["comparison", "planned: cost of K = 1", "planned: its noise"]
    figure = planned_figure(grid_of(sweep), planned(grid_of(sweep)))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["cost of K = 1", "its noise"]
    assert figure.axes[0].get_ylim() == (1.5, -0.5)  # no point lies on the frame


def test_before_a_run_is_done_there_is_nothing_either(tmp_path: Path) -> None:
    """A page that is alive begins there."""
    jobs: list[Told] = [({"arm": "one set", "K": K, "seed": 0}, None) for K in (1, 255)]
    folder = write_sweep(tmp_path / "s", jobs, experiment={"x": "K", "hue": "arm", "comparisons": COMPARISONS})
    assert planned(grid_of(folder)) == []
    assert "No run has finished yet." in write_report(folder).read_text()


def test_without_comparisons_there_is_nothing(tmp_path: Path) -> None:
    grid = grid_of(write_sweep(tmp_path / "s", seeds(FEW, K=1)))
    assert planned(grid) == []


def test_a_key_that_no_run_was_told_is_named(sweep: Path) -> None:
    grid = grid_of(sweep)
    grid.sweep.experiment["comparisons"][0]["less"]["alhpa"] = 1
    with pytest.raises(ConfigError, match=r"comparisons, cost of K = 1: no run of the sweep was told alhpa"):
        planned(grid)
