from contrastive_lab.bench.table import table
from contrastive_lab.record.speed import Outcome, Row


def test_a_row_may_lack_a_value() -> None:
    rows = [Row(case="a", values={"s": 0.5, "ratio": 1.25}), Row(case="long one", values={"s": 1234.5})]
    assert table(Outcome(rows=rows, told=["ratio"], notes=["a note"])).splitlines() == [
        "              s  ratio",
        "a           0.5   1.25",
        "long one  1,234       ",
        "a note",
    ]
