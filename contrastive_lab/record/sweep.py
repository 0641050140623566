"""The runs of a sweep: found by its sweep.json, else by looking through a folder."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.config.identity import OMITTED, within
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.resolve import resolve
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import COMMAND, CONFIG, METRICS, PLAN, RESULT, RUNS
from contrastive_lab.record.plan import read_plan
from contrastive_lab.record.result import Result, Status, read_result
from contrastive_lab.record.run import stored_config
from contrastive_lab.record.tables import USED, Logged, kept_results, read_logged, whole

PASSED_OVER = {*OMITTED, "hydra"}  # keys and groups that change no result

PASSED_OVER_LAST = ("epoch", "lr", "online_top1", "knn_top1")  # columns of metrics.csv, of which two are result.json's


class Run(NamedTuple):
    """A run's folder as seen from the sweep's, its name, e.g. "simo-K16-a256-s0", and what it was told."""

    folder: str
    name: str
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Sweep:
    """A folder of runs, as tables with a row for each, also for one that has not started; the index is its folder.

    `asked` holds what a run was told, else what its result.json says (but for `loss`, a number there), None where
    neither does; `results` its name, its result.json, and what `metrics`, its metrics.csv by folder, has beside that,
    as it was logged last; `told` the keys that any run was told, in the order of the command line. `commands` made the
    sweep, usually one. `experiment` is the node of its yaml and empty without one, `scale` is empty where unknown;
    `overrides` are those of the whole sweep, where it was planned.
    """

    folder: Path
    name: str
    commands: list[str]
    asked: pd.DataFrame
    results: pd.DataFrame
    told: list[str]
    experiment: dict[str, Any]
    scale: str
    metrics: dict[str, Logged]
    overrides: list[str] = field(default_factory=list)

    @property
    def done(self) -> pd.DataFrame:
        """The results of the runs that came to their end."""
        return self.results[self.results["status"] == Status.DONE]

    @property
    def commit(self) -> str:
        """Commits of the code that made the runs."""
        return ", ".join(dict.fromkeys(str(commit) for commit in self.results["git"] if commit))

    @cached_property
    def varied(self) -> list[str]:
        """Keys whose values differ between the runs, in the order of the command line."""
        return [key for key in self.told if len(set(map(order, self.asked[key]))) > 1]

    @property
    def runs(self) -> pd.DataFrame:
        """The table of runs.csv, of objects, "null" where that was asked for."""
        return self._table(null_as_text(self.asked[self.varied]))

    @property
    def typed(self) -> pd.DataFrame:
        """The table of `load_sweep`."""
        return self._table(self.asked[self.varied]).apply(_typed)

    def _table(self, varied: pd.DataFrame) -> pd.DataFrame:
        """What varies and what came out; the setting `loss` is the column loss.name, as result.json has a `loss`.

        K and alpha as they were used come behind what varies; a runs.csv of an older version has no such columns.
        """
        varied = varied.rename(columns={"loss": "loss.name"})
        first = self.results[["name", "status"]].astype(str)
        used = self.results[[name for name in USED if name in self.results]]
        rest = self.results.drop(columns=[*first, *varied, *used], errors="ignore")
        return pd.concat([first, varied, used, rest], axis=1).reset_index(names="folder")


def _typed(values: pd.Series) -> pd.Series:
    """Values as whole numbers, numbers, booleans or texts, whichever all of them are; NaN where there is none."""
    found = pd.Series([math.inf if value == "inf" else value for value in values], values.index)
    kinds = {type(value) for value in found.dropna()}
    if found.dtype != object or not kinds:
        return found if kinds else found.astype(float)
    return found.astype("boolean") if kinds == {bool} else found.map(str, na_action="ignore").astype("str")


def null_as_text(table: pd.DataFrame) -> pd.DataFrame:
    """A table of what was asked for, where null is a value too, which pandas would take for none."""
    return table.where(table.notna(), "null")


def order(value: Any) -> tuple[int, float, str]:
    """A key that sorts values of any type, null, numbers, texts, and is equal for equal ones, 4 and 4.0 among them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (1, float(value), "") if not math.isnan(value) else (0, 0.0, "")
    return (0, 0.0, "") if value is None else (2, 0.0, str(value))


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep by its sweep.json; without one, all runs in the folder, by their .hydra/config.yaml.

    Where a runs.csv of its report lies beside sweep.json, that tells of the runs whose own result.json is gone.

    Raises:
        ConfigError: if there is no run in the folder, or sweep.json cannot be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"sweep={folder}: no such folder")
    return _planned(folder) if (folder / PLAN).is_file() else _found(folder)


def _planned(folder: Path) -> Sweep:
    plan, runs = read_plan(folder), []
    for job in plan.jobs:
        told = dict(parsed(override) for override in (*job.overrides, *job.start))
        told = {key: value for key, value in told.items() if not (key == "weights" and job.start)}
        kept = {key: value for key, value in told.items() if not within(key, PASSED_OVER)}
        runs.append(Run(job.folder, job.name, ({"arm": job.arm} if job.arm else {}) | kept))
    if not runs:
        raise ConfigError(f"sweep={folder}: sweep.json has no jobs")
    commands = [plan.command] if plan.command else []
    found = _sweep(folder, plan.name, commands, runs, plan.experiment or {}, plan.scale)
    return replace(found, overrides=[str(override) for override in plan.overrides])


def _found(folder: Path) -> Sweep:
    """The runs below a folder that no multirun planned."""
    found = {run: stored_config(run) for run in sorted(path.parents[1] for path in folder.rglob(CONFIG))}
    configs = {run: config for run, config in found.items() if "method_info" in config}  # the theory has none
    if not configs:
        raise ConfigError(f"sweep={folder}: neither a sweep.json in it nor the folder of a run")
    typed = [OmegaConf.load(path) for run in configs if (path := (run / CONFIG).with_name("overrides.yaml")).is_file()]
    keys = dict.fromkeys(parsed(str(override))[0] for overrides in typed for override in overrides)
    told = [key for key in keys if not within(key, PASSED_OVER)]
    runs = [Run(str(run.relative_to(folder)), resolve(c).name, _settings(run, c, told)) for run, c in configs.items()]
    lines = [path.read_text().splitlines() for run in configs if (path := run / COMMAND).is_file()]
    commands = dict.fromkeys(line for part in lines for line in part[:1])
    scales = {str(OmegaConf.select(config, "scale.name", default="")) for config in configs.values()}
    return _sweep(folder, folder.resolve().name, list(commands), runs, {}, scales.pop() if len(scales) == 1 else "")


def _sweep(folder: Path, name: str, commands: list[str], runs: list[Run], experiment: Any, scale: str) -> Sweep:
    metrics = {run.folder: read_logged(folder / run.folder / METRICS) for run in runs}
    kept = kept_results(folder / RUNS)
    results = [
        _with_last(_with_used(_result(folder / run.folder).flat()), metrics[run.folder])
        if run.folder not in kept or (folder / run.folder / RESULT).is_file()
        else kept[run.folder]
        for run in runs
    ]
    hashes = [result.get("data_hash") for result in results]
    if len({*hashes} - {None}) > 1:  # images came or went: runs of other data are another setting
        runs = [run._replace(settings=run.settings | {"data_hash": own}) for run, own in zip(runs, hashes, strict=True)]
    index = [run.folder for run in runs]
    known = [{name: value for name, value in result.items() if name != "loss"} for result in results]
    asked = _frame([{**result, **run.settings} for run, result in zip(runs, known, strict=True)], index)
    named = _frame([{"name": run.name, **result} for run, result in zip(runs, results, strict=True)], index)
    told = list(dict.fromkeys(key for run in runs for key in run.settings))
    return Sweep(folder, name, commands, asked, named, told, experiment, scale, metrics)


def _with_used(result: dict[str, Any]) -> dict[str, Any]:
    return result | {used: whole(result[name]) for used, name in USED.items()}


def _with_last(result: dict[str, Any], metrics: Logged) -> dict[str, Any]:
    """A result and the last value of what else was logged; those of `PASSED_OVER_LAST` are not taken.

    The names of the classes, a list, are no column.
    """
    result = {name: value for name, value in result.items() if name != "classes"}
    names = [name for name in metrics.last if name not in (*result, *PASSED_OVER_LAST)]
    return result | {name: metrics.last[name] for name in names}


def _result(folder: Path) -> Result:
    """The result of a run; one that cannot be read counts as a failure and does not end the report."""
    try:
        return read_result(folder)
    except ConfigError as error:
        cause = error.__cause__
        return Result(Status.FAILED, error=f"result.json is damaged ({type(cause).__name__}: {cause})")


def _frame(rows: list[dict[str, Any]], index: list[str]) -> pd.DataFrame:
    """Rows as a table of objects, so that whole numbers stay whole beside None, which stands for what is missing."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    values = [[row.get(name) for name in columns] for row in rows]
    return pd.DataFrame(values, index=index, columns=columns, dtype=object)


@lru_cache(maxsize=4096)
def parsed(override: str) -> tuple[str, Any]:
    """Key and value of an override, the value typed as Hydra types it; lists and dicts as text."""
    key, text = key_and_value(override.lstrip("+~"))
    try:
        (read,) = parse([override])
    except ConfigError:
        return key, text
    return key, _scalar(read.value(), text)


def _scalar(value: Any, text: str) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else text


def _settings(run: Path, config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Of each key the chosen option, where it is a group, else the value in the configuration, as a scalar or text."""
    path = (run / CONFIG).with_name("hydra.yaml")
    options = cast(DictConfig, OmegaConf.load(path)).hydra.runtime.choices if path.is_file() else {}
    settings = {}
    for key in keys:
        try:
            value = options[key] if key in options else OmegaConf.select(config, key)
        except OmegaConfBaseException:
            value = None
        settings[key] = _scalar(value, str(value))
    return settings
