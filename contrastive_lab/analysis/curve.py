"""The curve by which few negatives cost accuracy: points for each cause, fitted to runs and tested on others.

A row is a run with few negatives beside the run of its arm and seed with the most: what it lost by cause (`factor`,
`competition`, `noise`, see `contrastive_lab.evaluation.competition.Lost`), its `K` and the larger K, `of`, its `sets`,
its `cost`, points of linear accuracy, and what its data consist of, `kind`. An arm is what differs in neither K, sets
nor seed. [made here]
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import read_json
from contrastive_lab.report.inference import Estimate, t_interval
from contrastive_lab.report.stats import interval

Matrix = NDArray[np.float64]
Explained = Callable[[pd.DataFrame], Matrix]  # what costs are explained by: of n rows a matrix (n, coefficients)
CAUSES = ("factor", "competition", "noise")
SETTING = ["arm", "K", "sets"]


class Curve(NamedTuple):
    """What a curve says, and how far it can be trusted.

    Fields:
        points: of accuracy that one unit of each cause costs.
        error: root mean square error of the mean cost of a setting whose arm was not fitted.
        reach: the largest loss of each cause that it was fitted to.
        kinds: what the data consist of that it was fitted to, of "images" and "texts".
    """

    points: Mapping[str, float]
    error: float
    reach: Mapping[str, float]
    kinds: Sequence[str]

    def cost(self, lost: Mapping[str, float]) -> float:
        """Predicted points of linear accuracy."""
        return sum(self.points[name] * lost[name] for name in CAUSES)

    def beyond(self, lost: Mapping[str, float], slack: float = 0.1) -> list[str]:
        """Causes that are lost by more than the curve was fitted to, by a share of it."""
        return [name for name in CAUSES if lost[name] > (1 + slack) * self.reach[name]]


def read_curve(path: Path) -> Curve:
    """The curve of a result.json that `theory=cost` wrote.

    Raises:
        ConfigError: names the file, if it cannot be read or holds something else.
    """
    try:
        values = read_json(path)
        parts = [{name: float(values[f"{kind}_{name}"]) for name in CAUSES} for kind in ("points", "reach")]
        return Curve(parts[0], float(values["left_out_error_by_causes"]), parts[1], [*map(str, values["kinds"])])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"curve={path}: no result.json of theory=cost ({type(error).__name__}: {error})") from None


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


def coefficients_over_seeds(rows: pd.DataFrame, by: Explained) -> Estimate:
    """The coefficients with 95 % t intervals by the jackknife: each seed is left out once."""
    whole, seeds = coefficients(rows, by), rows["seed"].unique()
    without = [coefficients(rows[rows["seed"] != seed], by) for seed in seeds] if len(seeds) > 1 else [whole]
    n = len(without)
    return t_interval(n * whole[:, None] - (n - 1) * np.stack(without, axis=1))._replace(mean=whole)


def without_each_arm(rows: pd.DataFrame, by: Explained) -> dict[Hashable, Matrix]:
    """The coefficients as all arms but one give them, by the arm that is left out."""
    return {arm: coefficients(rows[rows["arm"] != arm], by) for arm in rows["arm"].unique()}


def left_out(rows: pd.DataFrame, by: Explained, known: pd.DataFrame) -> pd.Series:
    """The cost of each row as the `known` rows of other arms predict it."""
    others, every = without_each_arm(known, by), coefficients(known, by)
    parts = rows.groupby("arm", sort=False)
    found = [pd.Series(by(own) @ others.get(arm, every), own.index) for arm, own in parts]
    return pd.concat(found).reindex(rows.index)


def over_seeds(rows: pd.DataFrame, of: str = "cost") -> pd.DataFrame:
    """A row for each arm, K and sets: the means over its seeds, `low` and `high` of one's 95 % t interval."""
    groups = rows.groupby(SETTING, sort=False)
    spread = interval(groups[of].mean(), groups[of].sem(), groups[of].count())
    return groups.mean(numeric_only=True).join(spread[["low", "high"]]).reset_index()


def error(rows: pd.DataFrame, predicted: pd.Series) -> float:
    """Root mean square error of predicted mean costs, over the settings: seeds are averaged."""
    means = over_seeds(rows.assign(predicted=predicted))
    return float(np.sqrt(((means["cost"] - means["predicted"]) ** 2).mean()))


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
    return Curve(points, error(rows, left_out(rows, by_causes, rows)), reach, sorted(rows["kind"].unique()))
