"""The curve by which few negatives cost accuracy: points for each cause, fitted to runs and tested on others.

A row is a run with few negatives beside the run of its arm and seed with the most: what it lost by cause (`factor`,
`competition`, `noise`, see `contrastive_lab.evaluation.competition.Lost`), its `K` and the larger K, `of`, its `sets`,
its `cost`, points of linear accuracy, and its `SETTINGS`. An arm is what differs in neither K, sets nor seed. [made
here]
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig

from contrastive_lab.config.resolve import resolve
from contrastive_lab.config.signature import loss_takes
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import read_json
from contrastive_lab.report.inference import Estimate, t_interval
from contrastive_lab.report.stats import interval

Matrix = NDArray[np.float64]
Explained = Callable[[pd.DataFrame], Matrix]  # what costs are explained by: of n rows a matrix (n, coefficients)
CAUSES = ("factor", "competition", "noise")
SETTING = ["arm", "K", "sets"]
# Of the runs that a curve is fitted to, as a line of train has them, but for what the data consist of.
SETTINGS = ("kind", "method", "loss", "dataset", "backbone", "tau", "epochs", "batch_size")


class Curve(NamedTuple):
    """What a curve says, and how far it can be trusted.

    Fields:
        points: of accuracy that one unit of each cause costs.
        error: root mean square error of the mean cost of a setting whose arm was not fitted.
        doubling_error: the same of points for each doubling of K.
        reach: the largest loss of each cause that it was fitted to.
        settings: the values of each of `SETTINGS` that it was fitted to; `kind` is "images" or "texts".
    """

    points: Mapping[str, float]
    error: float
    doubling_error: float
    reach: Mapping[str, float]
    settings: Mapping[str, Sequence[Any]]

    def cost(self, lost: Mapping[str, float]) -> float:
        """Predicted points of linear accuracy."""
        return sum(self.points[name] * lost[name] for name in CAUSES)

    def beyond(self, lost: Mapping[str, float], slack: float = 0.1) -> list[str]:
        """Causes that are lost by more than the curve was fitted to, by a share of it."""
        return [name for name in CAUSES if lost[name] > (1 + slack) * self.reach[name]]

    def beside(self, own: Mapping[str, Any]) -> str:
        """What the curve was fitted to and which of its own settings some run has otherwise, in one sentence."""
        of = ", ".join(f"{name}={' or '.join(map(_text, self.settings[name]))}" for name in SETTINGS[1:])
        others = [name for name in SETTINGS[1:] if own[name] is not None and own[name] not in self.settings[name]]
        if not others:
            return f"The curve is of {of}, as this is in these."
        told = ", ".join(f"{name}={_text(own[name])}" for name in others)
        return f"The curve is of {of}. This has {told}: how well it holds there is not known."


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_of(config: DictConfig) -> dict[str, Any]:
    """`SETTINGS` of a run; tau is None for a loss without one."""
    found = {name: config[name].name for name in ("loss", "dataset", "backbone")}
    found |= {name: config[name] for name in ("tau", "epochs", "batch_size")}
    without = config.loss.name == "spectral" or not loss_takes(config, "tau")
    first = {"kind": resolve(config).kind, "method": config.method_info.id}
    return {**first, **found, **({"tau": None} if without else {})}


def read_curve(path: Path) -> Curve:
    """The curve of a result.json that `theory=cost` wrote.

    Raises:
        ConfigError: names the file, if it cannot be read or holds something else.
    """
    try:
        values = read_json(path)
        points, reach = ({name: float(values[f"{kind}_{name}"]) for name in CAUSES} for kind in ("points", "reach"))
        error, doubling = (float(values[f"left_out_error_{by}"]) for by in ("by_causes", "by_log_K"))
        return Curve(points, error, doubling, reach, {name: [*values["settings"][name]] for name in SETTINGS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"curve={path}: no result.json of theory=cost that this version reads ({why})") from None


def by_causes(rows: pd.DataFrame) -> Matrix:
    """A column for each cause."""
    return rows[list(CAUSES)].to_numpy(dtype=float)


def by_log_K(rows: pd.DataFrame) -> Matrix:
    """A column of the doublings from K to the larger one."""
    found: Matrix = np.log2(rows[["of"]].to_numpy(dtype=float) / rows[["K"]].to_numpy(dtype=float))
    return found


def coefficients(rows: pd.DataFrame, by: Explained) -> Matrix:
    """Least squares of the costs through 0, as nothing lost costs nothing."""
    found: Matrix = np.linalg.lstsq(by(rows), rows["cost"].to_numpy(dtype=float), rcond=None)[0]
    return found


def over_seeds_left_out(rows: pd.DataFrame, of: Callable[[pd.DataFrame], Matrix]) -> Estimate:
    """Numbers that come of the rows, with 95 % t intervals by the jackknife: each seed is left out once.

    A seed that lacks settings which others have counts for the numbers, and not for their interval.
    """
    seeds = whole_seeds(rows)
    own, whole = rows[rows["seed"].isin(seeds)], of(rows)
    every = of(own) if seeds else whole
    without = [of(own[own["seed"] != seed]) for seed in seeds if len(seeds) > 1] or [every]
    n = len(without)
    found = t_interval(n * every[:, None] - (n - 1) * np.stack(without, axis=1))
    half = (found.high - found.low) / 2
    return found._replace(mean=whole, low=whole - half, high=whole + half)


def whole_seeds(rows: pd.DataFrame) -> list[Hashable]:
    """The seeds that have all settings that any seed has."""
    settings = {seed: {*own[SETTING].itertuples(index=False)} for seed, own in rows.groupby("seed")}
    every = set[Hashable]().union(*settings.values())
    return [seed for seed, own in settings.items() if own == every]


def without_each_arm(rows: pd.DataFrame, by: Explained) -> dict[Hashable, Matrix]:
    """The coefficients as all arms but one give them, by the arm that is left out."""
    return {arm: coefficients(rows[rows["arm"] != arm], by) for arm in rows["arm"].unique()}


def left_out(rows: pd.DataFrame, by: Explained, known: pd.DataFrame) -> pd.Series:
    """The cost of each row as the `known` rows of other arms predict it."""
    others, every = without_each_arm(known, by), coefficients(known, by)
    parts = rows.groupby("arm", sort=False)
    found = [pd.Series(by(own) @ others.get(arm, every), own.index) for arm, own in parts]
    return pd.concat(found).reindex(rows.index)


def of_other_arms(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """For each row the mean cost, in points, of its K and sets over the other `known` arms; NaN without any."""
    arms = known.groupby(SETTING, sort=False)["cost"].mean().reset_index()
    told = rows[SETTING].reset_index().merge(arms, on=["K", "sets"], suffixes=("", "_known"))
    return told[told["arm"] != told["arm_known"]].groupby("index")["cost"].mean().reindex(rows.index)


def over_seeds(rows: pd.DataFrame, of: str = "cost") -> pd.DataFrame:
    """A row for each arm, K and sets: the means over its seeds, `low` and `high` of one's 95 % t interval."""
    groups = rows.groupby(SETTING, sort=False)
    spread = interval(groups[of].mean(), groups[of].sem(), groups[of].count())
    return groups.mean(numeric_only=True).join(spread[["low", "high"]]).reset_index()


def error(rows: pd.DataFrame, predicted: pd.Series) -> float:
    """Root mean square error of predicted mean costs, over the settings: seeds are averaged."""
    means = over_seeds(rows.assign(predicted=predicted))
    return float(np.sqrt(((means["cost"] - means["predicted"]) ** 2).mean()))


def errors(rows: pd.DataFrame) -> Matrix:
    """The error of the mean cost of a setting with one set whose arm was left out, by causes and by log K.

    Log K is fitted to the runs with one set, as it says nothing of sets.
    """
    one = rows[rows["sets"] == 1]
    return np.array([error(one, left_out(one, by, of)) for by, of in ((by_causes, rows), (by_log_K, one))])


def fit(rows: pd.DataFrame) -> Curve:
    """The curve of some rows.

    Raises:
        ValueError: for fewer than two arms, as one at a time is left out.
    """
    if rows["arm"].nunique() < 2:
        raise ValueError(
            "needs runs with few and with more negatives of two arms or more, such as two alphas or losses"
        )
    points = dict(zip(CAUSES, map(float, coefficients(rows, by_causes)), strict=True))
    reach = {name: float(rows[name].max()) for name in CAUSES}
    left, doubling = map(float, errors(rows))
    return Curve(points, left, doubling, reach, {name: _values(rows[name]) for name in SETTINGS})


def _values(column: pd.Series) -> list[Any]:
    """The values of a column that has numbers or words, in order."""
    return sorted(column.dropna().unique().tolist())
