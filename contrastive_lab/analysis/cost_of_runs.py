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
SAME = 0.01  # of alpha; that of N keys is 1 / N from that of the N - 1 a query has


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
    for group in arms(sweep, metric):
        try:
            rows += _measured(sweep, group, metric, data_dir, seed)
        except (ValueError, ConfigError, RunError) as error:
            print(f"notice: {group.index[0]} and the runs beside it left out, {error}", file=sys.stderr)
    if not rows:
        raise ValueError(
            f"theory.sweeps: no finished runs in {folder} with fewer and more negatives of one arm and seed"
        )
    most = dict.fromkeys((row["of"], str(row["arm"])) for row in rows)
    if len({K for K, _ in most}) > 1:
        told = ", ".join(f"{K} of {arm}" for K, arm in most)
        print(f"notice: an arm of {folder} is set beside its own run with the most negatives: {told}", file=sys.stderr)
    return rows


def arms(sweep: Sweep, metric: str) -> Iterator[pd.DataFrame]:
    """The finished runs of an arm and seed, K and sets as numbers, the most negatives first.

    That run may be another arm's, where both are one loss to SAME of alpha: InfoNCE with all 255 keys is EqCo with
    alpha = 256 there.
    """
    done = sweep.done[sweep.done.get(metric, pd.Series(dtype=object)).notna()]
    told = sweep.asked.loc[done.index]
    sets = told["sets"] if "sets" in told else pd.Series(1, done.index)
    done = done.assign(K=pd.to_numeric(done["K"]), sets=sets.fillna(1).astype(int)).dropna(subset="K")
    by_alpha, by_the_rest = (_names(sweep, done, {"K", "sets", "arm", *more}) for more in ((), ("alpha",)))
    for _, group in done.groupby(by_alpha, sort=False):
        beside = done[(by_the_rest == by_the_rest[group.index[0]]) & (done["sets"] == 1)]
        group = pd.concat([group, _with_more_negatives(sweep, group, beside)])
        if group["K"].nunique() > 1:
            yield group.sort_values(["K", "sets"], ascending=[False, True], kind="stable")


def _names(sweep: Sweep, done: pd.DataFrame, but: set[str]) -> pd.Series:
    """What was told to each run, `but` some keys, as a text that is the same for equal values."""
    told = sweep.asked.loc[done.index, [key for key in sweep.told if key not in but]]
    return pd.Series([str([order(value) for value in row]) for row in told.to_numpy()], done.index)


def _with_more_negatives(sweep: Sweep, group: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """The run with the most negatives of those that have the loss of a group with fewer; none if there is no such."""
    if "alpha" not in sweep.told:
        return beside.iloc[:0]
    alpha, used = _alpha(sweep, group), pd.to_numeric(beside["alpha"])
    same = np.isclose(used, beside["K"] if alpha is None else alpha, rtol=SAME, atol=0)
    more: pd.DataFrame = beside[same & (beside["K"] > group["K"].max())].sort_values("K").tail(1)
    return more


def _alpha(sweep: Sweep, group: pd.DataFrame) -> float | None:
    """What the runs of a group were told, the last of them, which is none of another arm's; None is K."""
    alpha: Any = sweep.asked.loc[str(group.index[-1])]["alpha"]
    return None if alpha is None else float(alpha)


def _measured(sweep: Sweep, group: pd.DataFrame, metric: str, data_dir: str | None, seed: int) -> list[Row]:
    most = group.iloc[0]
    folder = sweep.folder / str(most.name)
    if not (folder / CHECKPOINT).is_file():
        raise ValueError("the run with the most negatives has no checkpoint")
    config = config_of(folder, data_dir)
    if "alpha" in sweep.told:
        config.alpha = _alpha(sweep, group)
    encoder, data = built(folder, config)
    with torch.no_grad():
        hand, objective = keys_of_images(encoder, data, seed), build_objective(config, data)

    def of(K: int, sets: int = 1) -> Kept:
        return kept(hand, objective, float(config.tau), config.alpha, K, sets)

    every, rows = of(int(most["K"])), []
    arm = sweep.asked.loc[str(group.index[-1])].get("arm") or _name(config)
    start = {"sweep": sweep.name, **settings_of(config), "arm": str(arm), "seed": int(config.seed)}
    for run, values in group[group["K"] < most["K"]].iterrows():
        few = of(int(values["K"]), int(values["sets"]))
        counts = {"K": int(values["K"]), "sets": int(values["sets"]), "of": int(most["K"])}
        found = {"cost": float(most[metric]) - float(values[metric]), **lost(every, few)._asdict()}
        rows.append({**start, **counts, **found, "dispersion": every.dispersion, "run": str(run)})
    return rows


def _name(config: Any) -> str:
    alpha = "K" if config.alpha is None else f"{config.alpha:g}"
    return f"{config.method_info.id}, {config.loss.name}, alpha {alpha}, tau {config.tau:g}"
