"""The runs of a sweep, as their own files tell of them."""

import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from contrastive_lab.record.identity import OMITTED, within

Series = dict[str, dict[int, float]]


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Args:
        folder: of the run; it need not exist yet.
        path: the same as seen from the sweep's folder.
        name: short, e.g. "simo-K16-a256-s0".
        settings: what the run was told: key and value.
        result: its result.json; empty where there is none yet.
    """

    folder: Path
    path: str
    name: str
    settings: dict[str, Any]
    result: dict[str, Any]

    @property
    def status(self) -> str:
        """Done, failed, interrupted or running, as result.json has it; missing where there is none."""
        return str(self.result.get("status", "missing"))

    def value(self, key: str) -> Any:
        """What it was told, else what result.json says of it."""
        return self.settings[key] if key in self.settings else self.result.get(key)

    def number(self, key: str) -> float | None:
        """A finite number of result.json, else None."""
        value = self.result.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return None
        return float(value)

    @cached_property
    def metrics(self) -> Series:
        """The columns of its metrics.csv: value by optimizer step, without what is not finite."""
        return read_metrics(self.folder / "metrics.csv")


@dataclass(frozen=True)
class Sweep:
    """A folder of runs.

    Args:
        folder: of the sweep.
        name: of the sweep.
        commands: that made it, usually one.
        runs: all jobs, those that have not started among them.
        experiment: the node of its experiment's yaml; empty without one.
        scale: laptop, cifar or paper; empty where unknown.
        commit: of the code.
    """

    folder: Path
    name: str
    commands: list[str]
    runs: list[Run]
    experiment: dict[str, Any]
    scale: str
    commit: str

    @property
    def done(self) -> list[Run]:
        """The runs that came to their end."""
        return self.status("done")

    def status(self, *names: str) -> list[Run]:
        """The runs of some status."""
        return [run for run in self.runs if run.status in names]

    @cached_property
    def varied(self) -> list[str]:
        """Keys whose values differ between the runs, in the order of the command line."""
        keys = dict.fromkeys(key for run in self.runs for key in run.settings)
        return [key for key in keys if len({same(run.value(key)) for run in self.runs}) > 1]


def same(value: Any) -> str:
    """A text that is equal for equal values, 4 and 4.0 among them."""
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def read_metrics(path: Path) -> Series:
    """Columns of a metrics.csv; rows that were cut short are left out."""
    series: Series = {}
    if not path.is_file():
        return series
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                value = _float(text)
                if value is not None and (row["step"] or "").isdigit():
                    series.setdefault(name, {})[int(row["step"])] = value
    return series


@lru_cache(maxsize=4096)
def parsed(override: str) -> tuple[str, Any]:
    """Key and value of an override, the value typed as Hydra types it; lists and dicts as text."""
    key, _, text = override.lstrip("+~").partition("=")
    try:
        value = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return key, text
    return key, value if value is None or isinstance(value, bool | int | float | str) else text


def passed_over(key: str) -> bool:
    """Whether a key says nothing about the result of a run."""
    return within(key, {*OMITTED, "hydra"})


def result_of(folder: Path) -> dict[str, Any]:
    """result.json; one that cannot be read says so instead of ending the report."""
    path = folder / "result.json"
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        values = f"{type(error).__name__}: {error}"
    return values if isinstance(values, dict) else {"status": "failed", "error": f"result.json is damaged ({values})"}


def _float(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
