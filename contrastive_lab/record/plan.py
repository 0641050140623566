"""sweep.json: what a multirun is going to do, its jobs with the folder, the overrides and the arm of each."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import PLAN, read_json, write_json


@dataclass(frozen=True)
class Job:
    """One job: its folder below the sweep's, its name, overrides, the hash of its configuration, the arm it is of.

    `start` are settings of the run whose weights it starts from, as overrides, which stand for the folder of these.
    """

    folder: str
    name: str
    overrides: list[str]
    config_hash: str
    arm: str | None = None
    start: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """A multirun: its name, the command as it was typed, overrides, the node of its experiment, scale and jobs.

    `conf` is the `conf_hash` by which its jobs were configured; empty where images in a folder may have changed too.
    `search` are the settings of a search, whose jobs are those that it has come up with so far; None of a grid.
    """

    name: str
    command: str = ""
    overrides: list[str] = field(default_factory=list)
    experiment: dict[str, Any] | None = None
    scale: str = ""
    jobs: list[Job] = field(default_factory=list)
    conf: str = ""
    search: dict[str, Any] | None = None

    @property
    def total(self) -> int:
        """How many jobs there will be, those among them that a search has not come up with yet."""
        return max(len(self.jobs), int((self.search or {}).get("n_trials", 0)))

    @property
    def folder(self) -> Path:
        """Where its jobs and its report lie."""
        return Path("outputs/sweeps") / self.name

    def write(self) -> None:
        """Write sweep.json."""
        write_json(self.folder / PLAN, asdict(self))


def read_plan(folder: Path) -> Plan:
    """The sweep.json of a sweep's folder; of one by an earlier version or by hand, what it lacks is empty.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        values = read_json(folder / PLAN)
        jobs = [_job(**job) for job in values["jobs"]]
        known = {key: value for key, value in values.items() if key in Plan.__dataclass_fields__ and value is not None}
        return Plan(**{"name": folder.name, **known, "jobs": jobs})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"sweep={folder}: sweep.json cannot be read ({type(error).__name__}: {error})") from None


def _job(folder: str, overrides: list[str], **more: Any) -> Job:
    if len(Path(folder).parts) != 1 or folder == "..":
        raise ValueError(f"folder {folder!r} of a job is not below the sweep's")
    known = {key: value for key, value in more.items() if key in Job.__dataclass_fields__}
    return Job(**{"folder": str(folder), "name": str(folder), "overrides": list(overrides), "config_hash": "", **known})
