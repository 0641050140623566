"""The settings of a sweep, which differ in more than the seed, as points of an x axis and lines of a figure."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.sweep import Run, Sweep, same
from contrastive_lab.report.labels import order, pair
from contrastive_lab.report.stats import Summary, summarize


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but their seed.

    Args:
        values: of the varied keys.
        runs: done or not.
    """

    values: dict[str, Any]
    runs: list[Run]

    @cached_property
    def done(self) -> list[Run]:
        """The runs that came to their end, the last one of each seed: a run done twice is no second sample."""
        return list({_seed(run): run for run in self.runs if run.status == "done"}.values())

    @property
    def planned(self) -> int:
        """Number of seeds, run or not."""
        return len({_seed(run) for run in self.runs})

    def summary(self, metric: str) -> Summary:
        """Of a key of result.json, over the runs that are done."""
        return summarize(run.number(metric) for run in self.done)

    def position(self, x: str) -> Any:
        """Value on the x axis: what was asked for; where that is null, what the runs made of it."""
        found = [source.get(x) for run in self.runs for source in (run.settings, run.result)]
        return next((value for value in found if value is not None), None)

    def place(self, x: str) -> str:
        """The same as a text that is equal for equal values."""
        return same(self.position(x))

    def label(self, keys: list[str]) -> str:
        """The values of some keys in words, e.g. "K = 16, alpha = 256"."""
        return ", ".join(pair(key, self.values.get(key)) for key in keys)


@dataclass(frozen=True)
class Line:
    """Settings that differ in x alone, in its order.

    Args:
        hue: value that gives the line its colour.
        rest: values of all other varied keys.
        settings: at least one.
    """

    hue: Any
    rest: tuple[Any, ...]
    settings: list[Setting]


@dataclass(frozen=True)
class Grid:
    """A sweep with an x axis.

    Args:
        sweep: the runs.
        x: key on the x axis.
        hue: key of which each value has a colour, or None.
        y: key of result.json on the y axis.
    """

    sweep: Sweep
    x: str
    hue: str | None
    y: str

    @property
    def keys(self) -> list[str]:
        """What is varied from setting to setting, x and hue first; not the seed, unless it is asked for."""
        first = [key for key in (self.x, self.hue) if key in self.sweep.varied]
        return [*dict.fromkeys(first), *(key for key in self.sweep.varied if key not in (*first, "seed"))]

    @cached_property
    def settings(self) -> list[Setting]:
        """All settings, in order of their values."""
        found: dict[str, Setting] = {}
        for run in self.sweep.runs:
            values = {key: run.value(key) for key in self.keys}
            found.setdefault(str([same(value) for value in values.values()]), Setting(values, [])).runs.append(run)
        return sorted(found.values(), key=lambda setting: [order(value) for value in setting.values.values()])

    @cached_property
    def lines(self) -> list[Line]:
        """The settings by all that is varied but x, in order of the hue."""
        rest = [key for key in self.keys if key not in (self.x, self.hue)]
        found: dict[str, Line] = {}
        for setting in self.settings:
            hue, others = setting.values.get(self.hue or ""), tuple(setting.values[key] for key in rest)
            found.setdefault(str([same(value) for value in (hue, *others)]), Line(hue, others, [])).settings.append(
                setting
            )
        return sorted(found.values(), key=lambda line: [order(line.hue), *map(order, line.rest)])

    def name(self, line: Line) -> str:
        """A line in words; empty where there is only one."""
        return line.settings[0].label([key for key in self.keys if key != self.x])


def _seed(run: Run) -> str:
    return run.path if run.value("seed") is None else same(run.value("seed"))


def choose(sweep: Sweep, x: str | None = None, hue: str | None = None) -> Grid:
    """The axis and the colours that were asked for, else the experiment's, else K and alpha if they vary.

    Raises:
        ConfigError: if a key is asked for that no run knows, or one for both.
    """
    known = {key for run in sweep.runs for key in (*run.settings, *run.result)}
    for option, key in (("x", x), ("hue", hue)):
        if key is not None and key not in known:
            varied = ", ".join(sweep.varied) or "nothing"
            raise ConfigError(f"{option}={key}: no run of {sweep.folder} has it; varied there: {varied}")
    if x is not None and x == hue:
        raise ConfigError(f"hue={hue}: is the x axis; leave it out or choose another")
    keys = [key for key in sweep.varied if key != "seed"]
    x = x or _first([sweep.experiment.get("x"), "K", *keys], but=hue, among=keys) or "K"
    hue = hue or _first([sweep.experiment.get("hue"), "alpha", *keys], but=x, among=keys)
    return Grid(sweep, x, hue, _measured(sweep))


def _first(candidates: list[str | None], but: str | None, among: list[str]) -> str | None:
    return next((key for key in candidates if key in among and key != but), None)


def _measured(sweep: Sweep) -> str:
    """What the experiment looks at; where no run has it, an accuracy that there is."""
    wanted = str(sweep.experiment.get("y") or "linear_top1")
    probes = sorted({key for run in sweep.done for key in run.result if key.endswith("_top1")})
    late = ["knn_top1", "online_top1"]
    candidates = [wanted, "linear_top1", *(key for key in probes if key not in late), *late]
    return next((key for key in candidates if any(run.number(key) is not None for run in sweep.done)), wanted)
