"""A benchmark's rows as a table, aligned for a terminal."""

from contrastive_lab.record.speed import Outcome, Value


def table(outcome: Outcome) -> str:
    """The rows of a benchmark below their head, and its notes."""
    names = [*dict.fromkeys(name for row in outcome.rows for name in row.values)]
    lines = [["", *names], *([row.case, *(number(row.values.get(name)) for name in names)] for row in outcome.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *rest = widths
    aligned = (
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], rest, strict=True))])
        for line in lines
    )
    return "\n".join([*aligned, *outcome.notes])


def number(value: Value) -> str:
    """A number in three digits or all before its point; nothing for one that was not measured.

    >>> number(1.0494), number(18923.4), number(0.00123), number(None)
    ('1.05', '18,923', '0.00123', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
