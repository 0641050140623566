"""The csv tables on the disk, read."""

from pathlib import Path

from contrastive_lab.record.tables import Logged, read_metrics, read_table


def test_metrics_are_the_last_finite_value_of_each_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert read_metrics(path).empty
    path.write_text("step,epoch,loss,knn_top1\n0,0,2.5,\n1,0,nan,\n1,0,,30.0\n2,1,inf,\n3,1,1e-3,\n3,1,0.1,\n4,1")
    found = read_metrics(path)
    assert found["loss"].dropna().to_dict() == {0: 2.5, 3: 0.1}
    assert found["knn_top1"].dropna().to_dict() == {1: 30.0}


def test_a_column_has_the_last_value_of_each_step_and_what_is_damaged_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text('step,epoch,"a,b",rate\r\n4,0,2,7\r\n0,0,1,x\r\n4,0,3,\r\n6,1,8,1,1\r\n,1,5,\r\n7,1,9')
    logged = Logged(path)
    assert logged.last == {"epoch": 0, "a,b": 3, "rate": 7}
    assert [*logged.column("a,b").items()] == [(0, 1), (4, 3)]
    assert [*logged.column("rate").items()] == [(4, 7)]
    for text in ("", "epoch,loss\n0,1\n", "step,loss\n", "step,loss\n1,inf\n"):
        path.write_text(text)
        assert Logged(path).last == {}


def test_a_column_is_of_numbers_only_if_all_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("a,b\n1,1\n,x\n")
    names, rows = read_table(tmp_path / "runs.csv")
    assert (names, rows) == (["a", "b"], [[1, "1"], [None, "x"]])
    assert type(rows[0][0]) is int  # as it was written, though a cell of the column is empty
