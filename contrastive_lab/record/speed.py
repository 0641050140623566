"""What benchmarks measured on a machine: <machine>.json in a folder, a file for each."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.record.files import read_json, write_json

Value = float | None


class Row(BaseModel):
    """One case of a benchmark, e.g. "SiMo, K = 16", and what was measured of it by name, e.g. {"ratio": 1.05}."""

    case: str
    values: dict[str, Value]


class Outcome(BaseModel):
    """What a benchmark found: rows, which of their values are `told` of a machine, and sentences below its table."""

    rows: list[Row]
    told: list[str]
    notes: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)


class Speed(BaseModel):
    """All benchmarks of a machine by their name; `tiny` ones show that they run, and measure nothing."""

    machine: str
    tiny: bool = False
    environment: dict[str, Any] = Field(default_factory=dict)
    benchmarks: dict[str, Outcome] = Field(default_factory=dict)


def machine(environment: Mapping[str, Any]) -> str:
    """What a machine is called by its `provenance.environment`: its GPUs, else its processor and cores."""
    gpus: Sequence[str] = environment["gpus"]
    if gpus:
        return gpus[0] if len(gpus) == 1 else f"{len(gpus)} x {gpus[0]}"
    return f"{environment['cpu']}, {environment['cpus']} core{'s' * (environment['cpus'] != 1)}"


def file_of(folder: Path, name: str) -> Path:
    """The file of the machine of that name, e.g. intel-xeon-processor-2-cores.json."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')}.json"


def write_speed(folder: Path, speed: Speed) -> Path:
    """Write what was measured of a machine; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = file_of(folder, speed.machine)
    write_json(path, speed.model_dump())
    return path


def read_speed(path: Path) -> Speed:
    """Read what was measured of a machine; a ConfigError, in one line, of a file that holds something else."""
    try:
        return Speed(**read_json(path))
    except (OSError, ValueError) as error:  # of pydantic, too
        wrong = error.errors()[0] if isinstance(error, ValidationError) else None
        told = f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" if wrong else first_line(error)
        raise ConfigError(f"{path}: not what `bench all` writes ({told})") from None
