"""Made-up rows of `theory=cost`, whose costs are sums of their causes."""

import pandas as pd

SETTINGS = {"kind": "images", "method": "simo", "loss": "info_nce", "dataset": "arrays", "backbone": "resnet18"}
SETTINGS |= {"tau": 0.1, "epochs": 4, "batch_size": 256}
POINTS = {"factor": 1.2, "competition": 3.0, "noise": 2.0}
LOST = {  # factor, competition and noise of two K of each arm
    "a": {1: (2.5, 0.4, 0.6), 16: (0.7, 0.1, 0.4)},
    "b": {1: (0.7, 0.6, 0.6), 16: (0.1, 0.2, 0.4)},
    "c": {1: (0.0, 1.0, 0.5), 16: (0.0, 0.25, 0.4)},
    "d": {1: (0.0, 0.0, 0.8), 16: (0.0, 0.0, 0.4)},
}


def made_up(seeds: int = 3) -> pd.DataFrame:
    """A row for each arm, K and seed."""
    rows = []
    for arm, found in LOST.items():
        for K, lost in found.items():
            cost = sum(points * each for points, each in zip(POINTS.values(), lost, strict=True))
            known = {"arm": arm, "K": K, "sets": 1, "of": 255, "cost": cost, **dict(zip(POINTS, lost, strict=True))}
            known |= {**SETTINGS, "sweep": "s", "dispersion": 20.0, "fitted": True}
            rows += [{**known, "seed": seed} for seed in range(seeds)]
    return pd.DataFrame(rows)
