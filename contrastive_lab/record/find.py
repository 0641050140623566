"""Where the runs of a sweep are found: by its sweep.json, else by looking through a folder."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.identity import run_name
from contrastive_lab.record.run import stored_config
from contrastive_lab.record.sweep import Run, Sweep, parsed, passed_over, result_of


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep by its sweep.json; without one, all runs in the folder, by their .hydra/config.yaml.

    Raises:
        ConfigError: if there is no run in the folder, or sweep.json cannot be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"sweep={folder}: no such folder")
    return _planned(folder) if (folder / "sweep.json").is_file() else _found(folder)


def _planned(folder: Path) -> Sweep:
    try:
        told = json.loads((folder / "sweep.json").read_text())
        runs = [_job(folder, job) for job in told["jobs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"sweep={folder}: sweep.json cannot be read ({type(error).__name__}: {error})") from None
    if not runs:
        raise ConfigError(f"sweep={folder}: sweep.json has no jobs")
    name, command, experiment = told.get("name", folder.name), told.get("command"), told.get("experiment") or {}
    return Sweep(folder, name, [command] if command else [], runs, experiment, told.get("scale") or "", _commit(runs))


def _job(folder: Path, job: dict[str, Any]) -> Run:
    settings = dict(parsed(override) for override in job["overrides"])
    kept = {key: value for key, value in settings.items() if not passed_over(key)}
    path = str(job["folder"])
    return Run(folder / path, path, job.get("name", path), kept, result_of(folder / path))


def _found(folder: Path) -> Sweep:
    """The runs below a folder that no multirun planned."""
    found = {run: stored_config(run) for run in sorted(path.parents[1] for path in folder.rglob(".hydra/config.yaml"))}
    configs = {run: config for run, config in found.items() if "method_info" in config}  # the theory has none
    if not configs:  # none, or the theory's alone
        raise ConfigError(f"sweep={folder}: neither a sweep.json in it nor the folder of a run")
    told = dict.fromkeys(key for run in configs for key in _told(run) if not passed_over(key))
    runs = []
    for place, config in configs.items():
        options = _options(place)
        settings = {key: options[key] if key in options else _setting(config, key) for key in told}
        path = str(place.relative_to(folder))
        runs.append(Run(place, path, run_name(config), settings, result_of(place)))
    commands = dict.fromkeys(line for run in runs for line in _lines(run.folder / "command.txt")[:1])
    scales = {str(OmegaConf.select(config, "scale.name", default="")) for config in configs.values()}
    scale = scales.pop() if len(scales) == 1 else ""
    return Sweep(folder, folder.resolve().name, list(commands), runs, {}, scale, _commit(runs))


def _told(run: Path) -> list[str]:
    """Keys of the command line of a run."""
    path = run / ".hydra" / "overrides.yaml"
    return [parsed(str(override))[0] for override in (OmegaConf.load(path) if path.is_file() else [])]


def _options(run: Path) -> DictConfig | dict[str, Any]:
    """The chosen option of each group."""
    path = run / ".hydra" / "hydra.yaml"
    return OmegaConf.load(path).hydra.runtime.choices if path.is_file() else {}


def _setting(config: DictConfig, key: str) -> Any:
    """Value of a key in a composed configuration, as a scalar or as text."""
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _commit(runs: list[Run]) -> str:
    """Commits of the code that made the runs."""
    return ", ".join(dict.fromkeys(str(run.result["git"]) for run in runs if run.result.get("git")))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
