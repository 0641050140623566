import pytest

from contrastive_lab.bench.loss import run
from contrastive_lab.pairs import BLOCK


def test_a_loss_has_a_row_for_each_size_and_the_power_of_its_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """With N = 1,500 the 2,998 negatives of a view are more than a block, and 48 MB of cosines at once are not kept."""
    run(sizes=[8, 1500], dim=4, repeats=1)
    _, head, small, large, power = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "N" and small.split()[0] == "8" and large.split()[0] == "1500"
    blocks, at_once, *seconds = map(float, large.split()[1:])
    assert BLOCK < 1500 * 3000 and blocks < at_once and len(seconds) == 3 and min(seconds) > 0
    assert power.startswith("memory in blocks grows like N to the power of ")


def test_all_cosines_at_once_are_left_out_where_they_take_too_much(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.bench.loss.MOST", 4)
    run(sizes=[8], dim=4, repeats=1)
    assert len(capsys.readouterr().out.splitlines()[2].split()) == 3
