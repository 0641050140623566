import math
from collections.abc import Callable

import pytest

from contrastive_lab.bench.turns import alternate, missing, power, ratio, ready


def test_functions_take_turns_and_the_first_turn_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that a call of `slow` puts forward by 3 seconds, and one of `quick` by 1."""
    now, order = [0.0], list[tuple[str, int]]()
    monkeypatch.setattr("contrastive_lab.bench.turns.time.perf_counter", lambda: now[0])

    def takes(name: str, seconds: float) -> Callable[[int], None]:
        def call(number: int) -> None:
            order.append((name, number))
            now[0] += seconds + 100 * (len(order) <= 3)  # the first turn is slow

        return call

    assert alternate({takes("slow", 3): 1, takes("quick", 1): 2}, repeats=2) == [[3, 3], [1, 1]]
    turn = [("slow", 0), ("quick", 0), ("quick", 1), ("slow", 1), ("quick", 2), ("quick", 3)]
    assert order == [*turn, ("slow", 2), ("quick", 4), ("quick", 5)]


def test_it_runs_on_the_threads_that_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", told.append)
    ready(3)
    assert told == [3]


def test_a_ratio_is_the_median_over_turns_and_not_that_of_the_medians() -> None:
    assert ratio([2, 9, 10], [1, 3, 10]) == {"ratio": 2, "least": 1, "most": 3}


def test_the_power_of_a_growth() -> None:
    assert power([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert math.isnan(power([1, 2], [1, None]))


def test_what_is_missing_names_the_extra_that_has_it() -> None:
    assert missing("torch") is None
    assert missing("no_such_package") == 'no_such_package is not installed: pip install "contrastive-lab[bench]"'
