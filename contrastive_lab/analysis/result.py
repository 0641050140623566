"""What a program of the theory takes and gives: checked settings, and a table with its figure."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from contrastive_lab.config.model import Settings, problems
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import RESULT, write_json, write_table

WIDTH = 100  # columns of a terminal
Model = TypeVar("Model", bound=Settings)
Row = dict[str, Any]


@dataclass(frozen=True)
class AnalysisResult:
    """A table, its figure, and the few numbers that sum it up.

    Args:
        table: rows with the same keys each, at least one; numbers, text or None.
        figure: axes with units and a legend.
        summary: one flat object: numbers, text or None.
        further: other figures, by the name of their files.
        shown: rows to print in place of a table that is too long to read; none prints the table.
    """

    table: Sequence[Row]
    figure: Figure
    summary: dict[str, Any] = field(default_factory=dict)
    further: dict[str, Figure] = field(default_factory=dict)
    shown: Sequence[Row] = ()

    def write(self, folder: Path) -> None:
        """Write table.csv, figure.png, figure.pdf, further figures and result.json, the last one last."""
        write_table(folder / "table.csv", list(self.table[0]), self.table)
        for name, figure in {"figure": self.figure, **self.further}.items():
            for kind in ("png", "pdf"):
                figure.savefig(folder / f"{name}.{kind}", dpi=150, bbox_inches="tight")
        write_json(folder / RESULT, self.summary)

    def __str__(self) -> str:
        """The rows to print, right-aligned, four digits a number, in parts where they are wide, and the summary."""
        rows = self.shown or self.table
        columns = [[name, *(text(row[name]) for row in rows)] for name in rows[0]]
        widths = [max(map(len, column)) for column in columns]
        cells = [[cell.rjust(width) for cell in column] for column, width in zip(columns, widths, strict=True)]
        tables = ["\n".join("  ".join(row) for row in zip(*part, strict=True)) for part in _parts(cells)]
        facts = [f"{name.replace('_', ' ')}: {text(value)}" for name, value in self.summary.items()]
        facts = [textwrap.fill(fact, WIDTH, subsequent_indent="  ", break_on_hyphens=False) for fact in facts]
        return "\n\n".join([*tables, *(["\n".join(facts)] if facts else [])])


def _parts(columns: list[list[str]]) -> list[list[list[str]]]:
    """Columns of equal cells in parts of at most `WIDTH`, the first column before each."""
    first, *rest = columns
    parts = [[first]]
    for column in rest:
        if sum(len(each[0]) + 2 for each in [*parts[-1], column]) - 2 > WIDTH:
            parts.append([first])
        parts[-1].append(column)
    return parts


def checked(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The settings of a program.

    Raises:
        ConfigError: names every setting that is wrong, its value and what it must be.
    """
    if found := problems(model, values, "theory"):
        raise ConfigError(*found.values())
    return model(**values)


def text(value: Any) -> str:
    """A cell of a printed table: numbers to four digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 or abs(value) >= 1e6 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
