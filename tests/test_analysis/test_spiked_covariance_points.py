"""The points of the spiked covariance model."""

import pytest

from contrastive_lab.analysis.spiked_covariance_points import Setting, sine_rows

AE_LIMIT = {"homo": 0, "linear": 0.690, "two": 1.824}  # d = 40, r = 5, n = infinity


def test_pca_of_infinitely_many_samples_finds_the_signal_under_equal_noise_alone() -> None:
    for noise, expected in AE_LIMIT.items():
        rows = sine_rows(Setting("n", noise, 50, 40, 5), nu=1.0, seeds=12)
        assert rows[0]["sine_limit"] == pytest.approx(expected, rel=0.06, abs=1e-10), noise
        assert rows[1]["sine_limit"] == pytest.approx(0.162, rel=0.12), noise
