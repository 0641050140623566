"""The settings of a sweep, which differ in more than the seed, as points of an x axis and lines of a figure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from contrastive_lab.config.values import points
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.result import Status
from contrastive_lab.record.right import TRANSFER, images_scored, read_right
from contrastive_lab.record.sweep import Sweep, order
from contrastive_lab.report.inference import wilson
from contrastive_lab.report.labels import is_accuracy, settings_text
from contrastive_lab.report.stats import finite, summarize

# Classes of the data sets (conf/dataset and the papers named there), and test images, for runs that did not store them.
CLASSES = {"fashion_mnist_mini": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100, "stl10": 10, "ag_news": 4}
TEST_SIZE = dict.fromkeys(CLASSES, 10000) | {"fashion_mnist_mini": 1000, "stl10": 8000, "ag_news": 7600}

SETTINGS = ("K", "alpha", "tau", "batch_size", "epochs", "seed", "sets", "remember", "own_class_share", "dclw_sigma",
            "K_used", "alpha_used")  # fmt: skip
PLAIN = re.compile(r"[\w.+-]+")  # a metric's name that may be a file's


@dataclass(frozen=True, eq=False)
class Grid:
    """A sweep with the key on its x axis, the key of which each value has a colour, and the metric on its y axis."""

    sweep: Sweep
    x: str
    hue: str | None
    y: str
    margin: float = 0.5  # what counts as no difference, in the unit of y

    @cached_property
    def keys(self) -> list[str]:
        """What is varied from setting to setting, x and hue first; not the seed, unless it is asked for.

        Where an experiment's arms are the lines or x, what they determine is left out: the arm's name stands for it.
        """
        first = [key for key in (self.x, self.hue) if key in self.sweep.varied]
        rest = [key for key in self.sweep.varied if key not in (*first, "seed")]
        if "arm" in (self.x, self.hue):
            points = self._numbered(self.sweep.asked[first])
            rest = [key for key in rest if self.sweep.asked[key].map(order).groupby(points).nunique().max() > 1]
        return [*dict.fromkeys(first), *rest]

    @cached_property
    def setting(self) -> pd.Series:
        """The number of each run's setting, by the order of its values."""
        return self._numbered(self.sweep.asked[self.keys])

    @cached_property
    def settings(self) -> pd.DataFrame:
        """A row for each setting.

        Its columns are the values of `keys`; `position` on the x axis, which is what was asked for, and where that is
        null what the runs made of it; `at`, the same as a key that is equal for equal values; numbers of its `colour`,
        by hue, of its `marker`, by all else but x, and of its `line`, by both; `done` and `planned`, seeds that were
        run to their end, and all.
        """
        asked = self.sweep.asked
        table = asked.loc[~self.setting.duplicated(), self.keys].set_axis(self.setting.unique()).sort_index()
        x = asked[self.x] if self.x in asked else pd.Series(None, asked.index, dtype=object)
        used = x.where(x.notna(), self.sweep.results.get(self.x))
        positions = used.groupby(self.setting).first().astype(object)
        hue = [self.hue] if self.hue in self.keys else []
        rest = [key for key in self.keys if key not in (self.x, self.hue)]
        more = {
            "position": positions.where(positions.notna(), None),
            "at": positions.map(order),
            "colour": self._numbered(table[hue]),
            "marker": self._numbered(table[rest]),
            "line": self._numbered(table[hue + rest]),
            "done": self.samples["setting"].value_counts().reindex(table.index, fill_value=0),
            "planned": self._seeds.groupby(self.setting).nunique(),
        }
        return table.assign(**more)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The results of the runs that came to their end, the last one of each seed: done twice is no second sample."""
        results = self.sweep.results.assign(setting=self.setting, sample=self._seeds)
        return results[results["status"] == Status.DONE].drop_duplicates(["setting", "sample"], keep="last")

    @property
    def _seeds(self) -> pd.Series:
        """The seed of each run; its folder where it has none."""
        seeds = self.sweep.asked["seed"]
        return seeds.where(seeds.notna(), seeds.index.to_series()).map(order)

    def _numbered(self, table: pd.DataFrame) -> pd.Series:
        """The number of each row of values in their order, the same for equal rows; words are in that of the sweep."""
        ranks = [self._rank(str(key)) for key in table]
        kinds = [tuple(r(v) for r, v in zip(ranks, row, strict=True)) for row in table.to_numpy(dtype=object)]
        numbers = {kind: i for i, kind in enumerate(sorted(set(kinds)))}
        return pd.Series([numbers[kind] for kind in kinds], table.index, dtype=int)

    def _rank(self, key: str) -> Callable[[Any], tuple[int, float, str]]:
        """What sorts the values of a key: as `order` does, but words as they come first in the sweep."""
        asked = self.sweep.asked.get(key, ())
        place = {word: i for i, word in enumerate(dict.fromkeys(value for value in asked if isinstance(value, str)))}
        return lambda value: (2, float(place[value]), "") if value in place else order(value)

    def step(self, metric: str) -> float:
        """The least difference of two runs in an accuracy, what one image is worth in points; 0 of other metrics."""
        if metric not in self.samples or not is_accuracy(metric) or self.samples.empty:
            return 0.0
        images = self._first_images(metric)
        return 100 / images if images else 0.0

    def _first_images(self, metric: str) -> int | None:
        if metric not in self._images_of_first:
            self._images_of_first[metric] = self._images(str(self.samples.index[0]), metric)
        return self._images_of_first[metric]

    @cached_property
    def _images_of_first(self) -> dict[str, int | None]:
        return {}

    def summary(self, metric: str) -> pd.DataFrame:
        """The settings with mean, 95 % interval and `n` of a key of result.json over the runs that are done.

        The interval is Student's over seeds, from `low` to `high`; for an accuracy of one run it is Wilson's of the
        test images, where their number is known, and `wilson` is true.
        """
        if metric not in self._summaries:
            self._summaries[metric] = self._summary(metric)
        return self._summaries[metric]

    @cached_property
    def _summaries(self) -> dict[str, pd.DataFrame]:
        return {}

    def _summary(self, metric: str) -> pd.DataFrame:
        values = self.samples[metric] if metric in self.samples else pd.Series(None, self.samples.index, dtype=float)
        found = summarize(values, self.samples["setting"]).reindex(self.settings.index).fillna({"n": 0})
        one = self.samples[finite(values).notna() & self.samples["setting"].map(found["n"] == 1) & is_accuracy(metric)]
        sizes = {setting: self._images(str(run), metric) for run, setting in one["setting"].items()}
        for setting, images in sizes.items():
            if images:
                found.loc[setting, ["low", "high"]] = wilson(found["mean"][setting], images)
        single = (found["n"] == 1) & found["low"].notna()
        return self.settings.join(found.astype({"n": int}).assign(wilson=single))

    def _images(self, run: str, metric: str) -> int | None:
        """The number of test images of a run's accuracy, as it stored it, else what is known of its own data."""
        stored = images_scored(self.sweep.folder / run, metric.rpartition("_top")[0])
        return stored or (None if metric.startswith(TRANSFER) else TEST_SIZE.get(self.samples["dataset"][run]))

    def right(self, run: str, name: str) -> NDArray[Any] | None:
        """Which test images (m,) an evaluation of a run got right, None where that was not stored."""
        if (run, name) not in self._right:
            self._right[run, name] = read_right(self.sweep.folder / run, name)
        return self._right[run, name]

    @cached_property
    def _right(self) -> dict[tuple[str, str], NDArray[Any] | None]:
        return {}

    @cached_property
    def lines(self) -> list[pd.DataFrame]:
        """The settings by all that is varied but x, in order of the hue."""
        return [rows for _, rows in self.settings.groupby("line")]

    @cached_property
    def alone(self) -> bool:
        """Whether two settings differ in x alone, so that a figure has a line; true of a single setting."""
        return len(self.settings) == 1 or any(line["at"].nunique() > 1 for line in self.lines)

    @cached_property
    def naming(self) -> list[str]:
        """The keys that lines are named by: each tells some apart that those before it do not."""
        keys: list[str] = []
        for key in self.keys:
            if key != self.x and self._told_apart([*keys, key]) > self._told_apart(keys):
                keys.append(key)
        return keys

    def _told_apart(self, keys: list[str]) -> int:
        return self._numbered(self.settings[keys]).nunique()

    def name(self, line: pd.DataFrame) -> str:
        """A line as text; empty where there is only one."""
        return settings_text({key: line[key].iloc[0] for key in self.naming})

    def label(self, setting: pd.Series) -> str:
        """A setting as text, e.g. "K = 16, alpha = 256"."""
        return settings_text({key: setting[key] for key in self.keys})


def choose(
    sweep: Sweep, x: str | None = None, hue: str | None = None, margin: float | None = None, y: str | None = None
) -> Grid:
    """The axes, colours and margin that were asked for, else the experiment's, else K, alpha if they vary, and 0.5.

    An axis that was not asked for varies alone between two settings, where there is such a one. A metric that was not
    is the first that a finished run has a value of: the linear probe, others, kNN, online.

    Raises:
        ConfigError: if a key is asked for that no run knows, or one for both, a metric that no finished run has, or if
            the margin is not above 0.
    """
    for option, key in (("x", x), ("hue", hue)):
        if key is not None and key not in sweep.asked:
            varied = ", ".join(sweep.varied) or "nothing"
            raise ConfigError(f"{option}={key}: no run of {sweep.folder} has it; varied there: {varied}")
    if x is not None and x == hue:
        raise ConfigError(f"hue={hue}: is the x axis; leave it out or choose another")
    keys = [key for key in sweep.varied if key != "seed"]
    y = y_metric(sweep, y)
    within = points(sweep.experiment.get("margin", 0.5) if margin is None else margin)

    def grid(x: str) -> Grid:
        hues = [sweep.experiment.get("hue"), *(["alpha", *keys] if x != "arm" else [])]  # an arm stands for the rest
        return Grid(sweep, x, hue or next((key for key in hues if key in keys and key != x), None), y, within)

    wanted = [key for key in (sweep.experiment.get("x"), "K", *keys) if key in keys and key != hue]
    grids = [grid(key) for key in dict.fromkeys([x] if x else wanted or ["K"])]
    return next((found for found in grids if found.alone), grids[0])


def y_metric(sweep: Sweep, asked: str | None) -> str:
    """The metric of the y axis, see `choose`."""
    names = [name for name in map(str, sweep.done) if PLAIN.fullmatch(name) and name not in (*SETTINGS, *sweep.told)]
    found = known(sweep.done, names)
    if asked is not None and asked not in found:
        raise ConfigError(f"y={asked}: no finished run of {sweep.folder} has it; measured there: {', '.join(found)}")
    y, late = str(sweep.experiment.get("y") or "linear_top1"), ("knn_top1", "online_top1")
    probes = [key for key in found if key.endswith("_top1") and is_accuracy(key)]
    probes.sort(key=lambda key: (key.startswith(TRANSFER), key in late, key))
    return asked or next((key for key in (y, "linear_top1", *probes) if key in found), y)


def known(results: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of some keys of result.json that at least one run has a finite number for."""
    return [name for name in dict.fromkeys(names) if name in results and finite(results[name]).notna().any()]
