"""What few negatives cost stored runs and what they lose by cause: rows from the folders of sweeps."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from contrastive_lab.analysis.bounds_of_runs import built, config_of
from contrastive_lab.analysis.curve import settings_of
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.evaluation.competition import Kept, kept, keys_of_images, lost
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.record.sweep import Sweep, order, read_sweep
from contrastive_lab.run.build import build_objective

Row = dict[str, Any]
SAME = 0.01  # by so much, as a share, may two alphas differ whose losses count as one: 256 and 255


def cost_rows(folder: Path, metric: str, data_dir: str | None, seed: int) -> list[Row]:
    """A row for each finished run with fewer negatives than the most of its arm and seed, as `analysis.curve` takes it.

    The causes are measured on the encoder with the most negatives, its checkpoint; where it cannot be, the runs beside
    it are left out and named on stderr.

    Args:
        folder: of a sweep, or any folder with runs in it.
        metric: what a cost is in, e.g. linear_top1.
        data_dir: where the data set is; None is where it was.
        seed: of the views.

    Raises:
        ConfigError: if there is no run in the folder.
        ValueError: if no run can be measured.
    """
    sweep, rows = read_sweep(folder), list[Row]()
    for most, own in arms(sweep, metric):
        try:
            rows += _measured(sweep, most, own, metric, data_dir, seed)
        except (ValueError, ConfigError, RunError) as error:
            print(f"notice: {most.name} and the runs beside it left out, {error}", file=sys.stderr)
    if not rows:
        raise ValueError(f"no finished runs in {folder} with fewer and with more negatives of one arm and seed")
    counts = dict.fromkeys((row["of"], str(row["arm"])) for row in rows)
    if len({K for K, _ in counts}) > 1:
        told = ", ".join(f"{K} of {arm}" for K, arm in counts)
        print(f"notice: arms of {folder} have other numbers of most negatives: {told}", file=sys.stderr)
    return rows


def arms(sweep: Sweep, metric: str) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """For each arm and seed the run with the most negatives and the finished runs of the arm, K and sets as numbers.

    The runs are in the order of K, the largest first. The run with the most may be another arm's, if the losses of both
    are the same at its K: with all 255 keys InfoNCE is EqCo with alpha = 256 to 0.004.
    """
    done = sweep.done[sweep.done.get(metric, pd.Series(dtype=object)).notna()]
    told = sweep.asked.loc[done.index]
    sets = told["sets"] if "sets" in told else pd.Series(1, done.index)
    done = done.assign(K=pd.to_numeric(done["K"]), sets=sets.fillna(1).astype(int)).dropna(subset="K")
    ordered = done.sort_values(["K", "sets"], ascending=[False, True], kind="stable")
    by_alpha, by_the_rest = (_names(sweep, ordered, {"K", "sets", "arm", *more}) for more in ((), ("alpha",)))
    for name in by_alpha[done.index].unique():
        own = ordered[by_alpha == name]
        beside = ordered[(by_the_rest == by_the_rest[own.index[0]]) & (ordered["sets"] == 1)]
        most = pd.concat([_with_more_negatives(sweep, own, beside), own]).iloc[0]
        if (own["K"] < most["K"]).any():
            yield most, own


def _names(sweep: Sweep, done: pd.DataFrame, but: set[str]) -> pd.Series:
    """What was told to each run, `but` some keys, as a text that is the same for equal values."""
    told = sweep.asked.loc[done.index, [key for key in sweep.told if key not in but]]
    return pd.Series([str([order(value) for value in row]) for row in told.to_numpy()], done.index)


def _with_more_negatives(sweep: Sweep, own: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """The runs `beside` with more negatives than an arm's own and, there, its loss."""
    if "alpha" not in sweep.told:
        return beside.iloc[:0]
    alpha, used = _alpha(sweep, own), pd.to_numeric(beside["alpha"])
    same = np.isclose(used, beside["K"] if alpha is None else alpha, rtol=SAME, atol=0)
    more: pd.DataFrame = beside[same & (beside["K"] > own["K"].max())]
    return more


def _alpha(sweep: Sweep, own: pd.DataFrame) -> float | None:
    """The alpha that the runs of an arm were told; None is K."""
    alpha: Any = sweep.asked.loc[str(own.index[0])]["alpha"]
    return None if alpha is None else float(alpha)


def _measured(
    sweep: Sweep, most: pd.Series, own: pd.DataFrame, metric: str, data_dir: str | None, seed: int
) -> list[Row]:
    folder = sweep.folder / str(most.name)
    if not (folder / CHECKPOINT).is_file():
        raise ValueError("the run with the most negatives has no checkpoint")
    config = config_of(folder, data_dir)
    if "alpha" in sweep.told:
        config.alpha = _alpha(sweep, own)
    encoder, data = built(folder, config)
    with torch.no_grad():
        hand, objective = keys_of_images(encoder, data, seed), build_objective(config, data)

    def of(K: int, sets: int = 1) -> Kept:
        return kept(hand, objective, float(config.tau), config.alpha, K, sets)

    every, rows = of(int(most["K"])), []
    arm = sweep.asked.loc[str(own.index[0])].get("arm") or _name(config)
    start = {"sweep": sweep.name, **settings_of(config), "arm": str(arm), "seed": int(config.seed)}
    for run, values in own[own["K"] < most["K"]].iterrows():
        few = of(int(values["K"]), int(values["sets"]))
        counts = {"K": int(values["K"]), "sets": int(values["sets"]), "of": int(most["K"])}
        found = {"cost": float(most[metric]) - float(values[metric]), **lost(every, few)._asdict()}
        rows.append({**start, **counts, **found, "dispersion": every.dispersion, "run": str(run)})
    return rows


def _name(config: Any) -> str:
    alpha = "K" if config.alpha is None else f"{config.alpha:g}"
    return f"{config.method_info.id}, {config.loss.name}, alpha {alpha}, tau {config.tau:g}"
