"""What collisions cost: what few negatives cost as they come, less the same where none is of the query's own class.

[made here]
"""

from pathlib import Path

import pandas as pd

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.sweep import read_sweep

COME, ALONE = -1.0, 0.0  # own_class_share: null, negatives as they come, and none of the query's own class


def with_collisions(rows: pd.DataFrame, arm: str | None, folder: Path, metric: str) -> pd.DataFrame:
    """The rows with `collisions`, what they cost the runs of an arm, where the sweep has the K and the seed of a run.

    Args:
        rows: as `analysis.curve` describes them.
        arm: whose loss that of the sweep is.
        folder: of a sweep as `collision_costs` takes it.
        metric: accuracy that a cost is in.

    Raises:
        ConfigError: for an arm or a sweep that are not there, or have no K and seed in common.
    """
    if arm not in (arms := [*rows["arm"].unique()]):
        raise ConfigError(f"theory.collisions_of={arm}: must be the arm of these runs, one of {', '.join(arms)}")
    found = collision_costs(folder, metric)
    own = (rows["arm"] == arm) & (rows["sets"] == 1)
    values = pd.Series([found.get(key) for key in zip(rows["seed"], rows["K"], strict=True)], rows.index, float)
    if values[own].isna().all():
        raise ConfigError(f"theory.collisions={folder}: has no K and seed of the runs of {arm}")
    return rows.assign(collisions=values.where(own))


def collision_costs(folder: Path, metric: str) -> dict[tuple[int, int], float]:
    """Points of accuracy by seed and K, for each K below the most.

    Args:
        folder: of a sweep over K, seeds, own_class_share=null and own_class_share=0.
        metric: accuracy that a cost is in.

    Raises:
        ConfigError: names the folder, if it is no such sweep.
    """
    sweep = read_sweep(folder)
    done = sweep.done[sweep.done.get(metric, pd.Series(dtype=object)).notna()]
    told = sweep.asked.loc[done.index]
    needs = ["own_class_share", "K", "seed"]
    if not {*needs} <= {*told}:
        raise ConfigError(f"theory.collisions={folder}: must be a sweep over own_class_share=null and 0, K and seeds")
    keys = told[needs].apply(pd.to_numeric).assign(accuracy=done[metric].astype(float))
    keys["own_class_share"] = keys["own_class_share"].fillna(COME)
    if missing := [name for name, share in (("null", COME), ("0", ALONE)) if share not in set(keys["own_class_share"])]:
        raise ConfigError(f"theory.collisions={folder}: has no finished run with own_class_share={missing[0]}")
    if keys.duplicated(needs).any():
        raise ConfigError(f"theory.collisions={folder}: must have one run of each own_class_share, K and seed")
    table = keys.pivot(index=["own_class_share", "seed"], columns="K", values="accuracy")
    costs = table.rsub(table[table.columns.max()], axis=0).iloc[:, :-1]
    parted = costs.loc[COME] - costs.loc[ALONE]  # a row for each seed, a column for each K
    return {(seed, K): value for K in parted for seed, value in parted[K].dropna().items()}
