"""Evaluate a run, or all finished runs of a sweep, on their own data or on another data set."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from contrastive_lab.config.overrides import composed
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.other_data import asked_config, data_name
from contrastive_lab.program import program
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.record.run import check_stored, has_config, stored_config
from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.run.evaluate import by_method, evaluate_run, score_name
from contrastive_lab.waiting import progress_shown


def evaluate_one(folder: Path, values: Mapping[str, str]) -> str:
    """Evaluate the run in a folder by the protocol and on the data of a line; returns a line to print."""
    with progress_shown():
        return evaluate_run(folder, *_asked(folder, values))


def evaluate_sweep(folder: Path, values: Mapping[str, str]) -> None:
    """Do so with the finished runs of a sweep that have no such score yet; prints a line for each.

    They are those of its last line, where it was planned; of others in its folder a notice says how many there are.

    Raises:
        ConfigError: if there is none, or one cannot be evaluated as the line asks, before the first is.
        RunError: at the end, if some failed.
    """
    found = read_sweep(folder)
    runs = [folder / str(run) for run in found.done.index]
    print(_notice(folder, {*map(str, found.results.index)}), end="")
    gone = {run: problems[0] for run in runs if (problems := check_stored(run))}
    asked = {run: _asked(run, values) for run in runs if run not in gone}
    if not asked:
        raise ConfigError(f"sweep={folder}: no finished run in it", *gone.values())
    failed = [*gone.values()]
    print(*(f"left out: {problem}" for problem in failed), sep="\n", end="\n" * bool(failed))
    names = {
        run: f"{score_name(stored_config(run), config.evaluation, other)}_top1"
        for run, (config, other) in asked.items()
    }
    for number, run in enumerate(asked, 1):
        try:
            with progress_shown():
                told = _score(run, names[run], *asked[run])
        except (ConfigError, RunError) as error:
            failed.append(told := f"failed: {error} ({run})")
        print(f"{number} of {len(asked)}  {told}", flush=True)
    print(*(f"{program('report')} sweep={folder} y={name}" for name in dict.fromkeys(names.values())), sep="\n")
    if failed:
        raise RunError(f"{len(failed)} of {len(runs)} finished runs could not be evaluated")


def _notice(folder: Path, own: set[str]) -> str:
    """A line of the finished runs in the folder of a sweep that are none of its `own`; empty where there are none."""
    others = [run for run in folder.glob("*") if run.name not in own and has_config(run) and _is_done(run)]
    if not others:
        return ""
    told = f"{len(others)} finished run{'s' * (len(others) > 1)} of earlier lines"
    again = "sweep= takes them once the line that made them is typed again, run=<folder> one"
    return f"notice: {told} in {folder}: {again}\n"


def _is_done(run: Path) -> bool:
    with suppress(ConfigError):  # of a damaged file
        return read_result(run).status is Status.DONE
    return False


def _score(run: Path, name: str, config: DictConfig, other: str) -> str:
    if (top1 := read_result(run).scores.get(name)) is not None:
        return f"{name} is there already: {top1:.2f} % ({run})"
    return evaluate_run(run, config, other)


def _asked(folder: Path, values: Mapping[str, str]) -> tuple[DictConfig, str]:
    """The configuration that gives the scores, and the name of its data set if that is another one.

    The protocol is one that the run's method has, and its method's own unless told.
    """
    config = asked_config(folder, values)
    told = [f"{key}={value}" for key, value in values.items() if key.startswith("evaluation")]
    config.evaluation = composed([*by_method(config), *told]).evaluation
    if config.evaluation.name == "classifier" and "dataset" in values:
        raise ConfigError("evaluation=classifier: knows the classes of the run's own data alone; leave out dataset=")
    return config, data_name(config) if "dataset" in values else ""
