"""Lines of commands that go on from stored runs, `finetune` and `detect`, as lines of jobs that are like these runs."""

from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import MOVED, within
from contrastive_lab.config.names import OWNED
from contrastive_lab.config.overrides import base, parse
from contrastive_lab.config.values import flat, key_and_value, typed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part
from contrastive_lab.launch.inputs import read_images
from contrastive_lab.launch.line import check_once
from contrastive_lab.launch.moved import moved_config
from contrastive_lab.launch.script import stored_folder


class Source(NamedTuple):
    """A run to go on from, and what it varies in from the others of its sweep, e.g. ["K=16", "alpha=null"]."""

    folder: Path
    settings: list[str]


class Asked(NamedTuple):
    """The line of jobs that a line comes to; the parts of a sweep, empty for one run."""

    line: list[str]
    parts: list[Part]

    def grids(self, overrides: list[str]) -> list[Part]:
        """The parts with the overrides of the line before theirs."""
        return [part._replace(overrides=[*overrides, *part.overrides]) for part in self.parts]


def parted(line: list[str], keys: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """What a line gives for a command's own keys, each once, and its other words without the command's."""
    check_once([part for part in line[1:] if key_and_value(part)[0] in keys])
    told = [(*key_and_value(part), part) for part in line[1:]]
    return {key: value for key, value, _ in told if key in keys}, [part for key, _, part in told if key not in keys]


def sources(own: dict[str, str]) -> list[Source]:
    """The run of a line, or the runs of a sweep that are done, without their checkpoints looked at."""
    if ("run" in own) == ("sweep" in own):
        raise ConfigError("run=<folder of a run>, or sweep=<folder of a sweep>: needed, one of the two")
    if "run" in own:
        return [Source(stored_folder(own["run"]), [])]
    from contrastive_lab.record.sweep import read_sweep  # here: it imports pandas, which takes a second

    sweep = read_sweep(Path(own["sweep"]))
    varied = [key for key in sweep.varied if key != "seed"]
    if left := len(sweep.results) - len(sweep.done):
        print(
            f"notice: {left} of {len(sweep.results)} runs of {sweep.folder} are not done and are left out", flush=True
        )
    if sweep.done.empty:
        raise ConfigError(f"sweep={sweep.folder}: no run in it is done")
    settings = {name: [f"{key}={typed(sweep.asked[key][name])}" for key in varied] for name in sweep.done.index}
    return [Source(stored_folder(str(sweep.folder / name)), told) for name, told in settings.items()]


def check_data(folder: Path, typed_keys: dict[str, str]) -> None:
    """Look for the data of a stored run, which are downloaded where the line says alone; a ConfigError without them."""
    if "dataset" not in typed_keys:
        places = {key: str(parse([f"x={typed_keys[key]}"])[0].value()) for key in MOVED if key in typed_keys}
        read_images(OmegaConf.to_yaml(moved_config(folder, places).dataset, resolve=True))


def like(
    stored: DictConfig, typed_keys: dict[str, str], first: tuple[str, ...] = (), primary: str = "config"
) -> dict[str, str]:
    """The settings that make scale, data set and backbone those of a stored run; none of a group that was typed.

    They come behind the overrides `first` of the primary configuration.
    """
    order, added = ("scale", "dataset", "backbone"), dict[str, str]()
    chosen = [*first, *(f"{key}={typed_keys[key]}" for key in order if key in typed_keys)]
    for group in order:
        name = str(stored[group].name)
        if group not in typed_keys and name != base(tuple(chosen), primary)[group].name:
            added[group] = name
            chosen.append(f"{group}={name}")
    groups, start = [group for group in order[1:] if group not in typed_keys], base(tuple(chosen), primary)
    values, known = flat(stored), flat(start)
    for key in (key for key in values if within(key, ("data_dir", *groups)) and not _is_given(key)):
        if values[key] != known.get(key, ...):
            added[key if key in known else f"+{key}"] = typed(values[key])
    return added


def _is_given(key: str) -> bool:
    """Whether another setting gives a key, as weights= and start= do what a library's weights would."""
    return key.endswith("_target_") or key == "backbone.pretrained" or any(within(key, (owned,)) for owned in OWNED)


def single(typed_keys: dict[str, str]) -> list[str]:
    """What was typed of one value each, without Hydra's own."""
    lines = [f"{key}={value}" for key, value in typed_keys.items() if not within(key, ("hydra",))]
    return [line for line in lines if not parse([line])[0].is_sweep_override()]
