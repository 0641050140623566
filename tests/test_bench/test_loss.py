import pytest

from contrastive_lab.bench.loss import peak, run
from contrastive_lab.pairs import BLOCK


@pytest.mark.long
def test_a_loss_has_a_row_for_each_size_and_the_power_of_its_memory() -> None:
    """With N = 1,500 the 2,998 negatives of a view are more than a block, and 48 MB of cosines at once are not kept."""
    outcome = run(sizes=[8, 1500], dim=4, rounds=1)
    assert [row.case for row in outcome.rows] == [
        f"{name}, N = {N}" for name in ("SimCLR", "SiMo") for N in ("8", "1,500")
    ]
    large = outcome.rows[1].values
    blocks, at_once = large["MB in blocks"] or 0, large["MB at once"] or 0
    assert BLOCK < 1500 * 3000 and 0 < blocks < at_once
    assert large["ratio"] == pytest.approx((large["s in blocks"] or 0) / (large["s at once"] or 0))
    assert outcome.notes[1].startswith("SimCLR: memory in blocks grows like N to the power of ")


@pytest.mark.long
@pytest.mark.parametrize(("symmetric", "table"), [(True, 1024), (False, 256)], ids=["SimCLR", "SiMo"])
def test_memory_is_less_than_one_table_of_cosines(symmetric: bool, table: int) -> None:
    """MiB of float32: 16,384 queries by 16,384 others, or 8,192 by 8,191; a block has 16."""
    assert peak(8192, 32, BLOCK, symmetric) < table


def test_all_cosines_at_once_are_left_out_where_they_take_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the processes of their own in which memory is measured."""
    monkeypatch.setattr("contrastive_lab.bench.loss.peak", lambda N, dim, block, symmetric: float(N))
    monkeypatch.setattr("contrastive_lab.bench.loss.MOST", 4)
    outcome = run(sizes=[4, 8], dim=4, rounds=1)
    both, blocks, *_ = (set(row.values) for row in outcome.rows)
    assert blocks == {"MB in blocks", "s in blocks"} and blocks | {"MB at once", "s at once", "ratio"} < both
    assert "SiMo: memory in blocks grows like N to the power of 1.00 and time" in outcome.notes[2]
