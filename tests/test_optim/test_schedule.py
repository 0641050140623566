import math

import pytest

from contrastive_lab.optim import factor


def test_cosine_starts_after_the_warm_up() -> None:
    at = [factor(step, steps=110, warmup=10, schedule="cosine") for step in (0, 5, 10, 60, 110)]
    assert at == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_simos_warm_up_is_multiplied_onto_the_whole_cosine() -> None:
    at = [factor(step, steps=100, warmup=10, schedule="warmup_times_cosine") for step in (0, 5, 10, 50, 100)]
    cosine = [0.5 * (1 + math.cos(math.pi * step / 100)) for step in (0, 5, 10, 50, 100)]
    ramp = [0.001, 0.5005, 1, 1, 1]
    assert at == pytest.approx([c * r for c, r in zip(cosine, ramp, strict=True)])


def test_steps_are_mocos() -> None:
    # 0.1 at epochs 120 and 160 of 200.
    at = [factor(step, 200, 0, "steps", (0.6, 0.8)) for step in (0, 119, 120, 159, 160, 199)]
    assert at == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 'linear'"):
        factor(0, 1, 0, "linear")  # type: ignore[arg-type]
