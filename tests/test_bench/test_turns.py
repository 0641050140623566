from collections.abc import Callable

import pytest

from contrastive_lab.bench.turns import alternate, ready


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
