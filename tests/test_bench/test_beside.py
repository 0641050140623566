import pytest

from contrastive_lab.bench.beside import Beside


def test_others_have_their_turn_after_so_many_steps_and_the_first_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that a step puts forward by 2 seconds and the other's turn by 3."""
    clock = [0.0]
    monkeypatch.setattr("contrastive_lab.bench.beside.now", lambda: clock[0])

    def other() -> None:
        clock[0] += 3 + 100 * (clock[0] < 10)

    beside = Beside([other], steps=2)
    beside.on_train_start(None, None)  # type: ignore[arg-type]
    for index in range(6):
        clock[0] += 2
        beside.on_train_batch_end(None, None, None, None, index)  # type: ignore[arg-type]
    assert beside.seconds == [[4, 4], [3, 3]]
