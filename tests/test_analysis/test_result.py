"""The result of an analysis, printed and written."""

from matplotlib.figure import Figure

from contrastive_lab.analysis.result import AnalysisResult, text


def test_a_printed_table_is_aligned_and_short() -> None:
    rows = [{"K": 4, "value": 0.123456, "note": None}, {"K": 65536, "value": 12345.6, "note": "exact"}]
    lines = str(AnalysisResult(rows, Figure(), {"least_draws": 7.0})).splitlines()
    assert lines[0].split() == ["K", "value", "note"]
    assert lines[1].split() == ["4", "0.1235"]
    assert lines[2].split() == ["65,536", "12,346", "exact"]
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[-1] == "least draws: 7"
    assert text(1.5e-22) == "1.5e-22"


def test_other_rows_are_printed_in_place_of_a_long_table() -> None:
    result = AnalysisResult([{"a": 1}, {"a": 2}], Figure(), shown=[{"b": 3}])
    assert str(result).split() == ["b", "3"]


def test_a_wide_table_is_printed_in_parts_of_100_columns() -> None:
    rows = [{"K": K, **{f"column_{i:02}": 1000.5 * K * i for i in range(20)}} for K in (1, 4)]
    out = str(AnalysisResult(rows, Figure(), {"sentence": "word " * 40}))
    assert max(map(len, out.splitlines())) <= 100
    *parts, facts = [[line.split() for line in part.splitlines()] for part in out.split("\n\n")]
    assert len(parts) > 1 and all([row[0] for row in part] == ["K", "1", "4"] for part in parts)
    assert [name for part in parts for name in part[0][1:]] == [*rows[0]][1:]
    assert [word for line in facts for word in line] == ["sentence:", *["word"] * 40]
