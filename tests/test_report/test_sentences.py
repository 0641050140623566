"""How a metric goes with x, in words, where the truth is known."""

from pathlib import Path

from tests.sweep_folder import seeds
from tests.test_report.said import rows, said


def test_a_flat_line_a_rising_one_and_one_that_cannot_be_told(tmp_path: Path) -> None:
    flat = {1: [48.1, 47.1, 49.0], 16: [48.0, 47.0, 49.1], 255: [48.0, 47.1, 49.0]}
    rising = {1: [44.0, 43.0, 45.2], 16: [46.0, 45.1, 47.0], 255: [48.0, 47.0, 49.1]}
    unclear = {1: [44.0, 49.0, 45.0], 16: [46.0, 45.0, 49.0], 255: [45.0, 47.0, 49.5]}
    lines = [*rows(flat, seconds=0.2, alpha=None), *rows(rising, alpha=4), *rows(unclear, alpha=8)]
    text = said(tmp_path / "s", lines)
    assert "alpha = K: flat within 0.5 points from K = 1 to 255, each K against each: +0.00 points per doubling" in text
    assert (
        "K = 1 is enough: within 0.5 points of K = 255 (tests at 5 %), +0.03 points "
        "(95 % interval -0.11 to +0.18, n = 3)" in text
    )
    assert "saves 254 of 255 negatives a query and takes 100 seconds a run instead of 151" in text
    assert "alpha = 4: rises: +0.50 points per doubling of K (95 % interval +0.4" in text
    assert "measured +3.97 points from K = 1 to 255 (95 % interval +3.82 to +4.11, n = 3)." in text
    assert "alpha = 8: whether it changes from K = 1 to 255 cannot be told with n = 3 seeds" in text
    assert "alpha = 4 against alpha = K: slopes differ by +0.50 points per doubling" in text
    assert "alpha = 8 against alpha = K: slopes cannot be told apart" in text
    assert "order of the data and views are the same for a seed" in text
    text = said(tmp_path / "t", rows({1: flat[255], 255: flat[255]}))
    assert "saves 254 of 255 negatives a query." in text  # and no time


def test_what_is_measured_is_no_product_of_the_slope_and_a_bend_is_said(tmp_path: Path) -> None:
    """A metric that saturates, one that goes up and down, and one seed alone."""
    at = {1: 70.0, 4: 77.0, 16: 78.0, 64: 78.1, 255: 78.2}
    saturating = {K: [mean + seed / 9 for seed in range(3)] for K, mean in at.items()}
    assert "measured +8.20 points from K = 1 to 255 (" in said(tmp_path / "s", rows(saturating))
    assert "one seed has all K: +8.20 points from K = 1 to 255, without" in said(
        tmp_path / "t",
        [
            *rows({K: [mean] for K, mean in at.items()}),
            *[({"K": 1, "seed": seed}, {"linear_top1": 70.5}) for seed in (1, 2)],
        ],
    )
    hump = {0.05: [70.0, 70.1], 0.1: [78.0, 78.2], 0.2: [78.0, 78.1], 0.5: [74.0, 74.2], 1.0: [71.0, 71.1]}
    text = said(tmp_path / "u", [job for tau, values in hump.items() for job in seeds(values, tau=tau)])
    assert "falls: -0." in text  # by a straight line
    assert "measured +1.00 points from tau = 0.05 to 1 (95 % interval" in text
    assert ": it bends, and goes up and down." in text
