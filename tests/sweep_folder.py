"""A made-up sweep in a folder: sweep.json, and for each job what a run leaves, without a run."""

import json
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from contrastive_lab.record.right import write_right
from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report.grid import Grid, choose

Told = tuple[dict[str, Any], dict[str, Any] | None]
LOGGED = [  # columns of a run with labels and an online probe
    *("agreement", "alignment", "competition", "contrastive_top1", "dimensions", "dispersion", "effective_rank"),
    *("factor", "gradient_bound", "gradient_norm", "loss", "lr", "mi_estimate", "negative_cosine", "online_loss"),
    *("own_class", "own_image", "positive_cosine", "uniformity"),
]
AT_EPOCHS, IMAGES = ["loss_epoch", "online_top1", "knn_top1"], 10_000


def write_sweep(folder: Path, jobs: list[Told], real: bool = False, **told: Any) -> Path:
    """Write a sweep.

    Args:
        folder: of the sweep, made if need be.
        jobs: what each job was told, its `arm` among it, and its result; None for one that has not started.
        real: write as much for each run as one of 10,000 steps leaves that a report reads.
        told: what differs in sweep.json.
    """
    listed = []
    for asked, result in jobs:
        settings = {key: value for key, value in asked.items() if key != "arm"}
        overrides = [f"{key}={'null' if value is None else value}" for key, value in settings.items()]
        job = ",".join(sorted(overrides)) or "default"
        name = f"{settings.get('method', 'simo')}-{len(listed)}"
        listed.append({"folder": job, "name": name, "overrides": overrides, "config_hash": "0" * 12})
        listed[-1] |= {"arm": asked["arm"]} if "arm" in asked else {}
        if result is not None:
            write_run(folder / job, {**settings, **result})
            if real:
                write_details(folder / job, result, len(listed))
    facts = {"name": "made_up", "command": "python train.py -m K=4,16", "overrides": [], "experiment": None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({**facts, "scale": "cifar", "jobs": listed, **told}))
    return folder


def write_run(folder: Path, result: dict[str, Any], steps: int = 5) -> None:
    """Write result.json and a metrics.csv of some steps."""
    folder.mkdir(parents=True)
    blank = {"status": "done", "method": "simo", "dataset": "fashion_mnist_mini", "linear_top1": None, "error": None}
    K = result.get("K", 16)
    alpha = result["alpha"] if result.get("alpha") is not None else K
    (folder / "result.json").write_text(json.dumps({**blank, **result, "K": K, "alpha": alpha}))
    rows = [f"{9 + 10 * i},{i},{mi(i, steps):.4f}" for i in range(steps)]
    (folder / "metrics.csv").write_text("\n".join(["step,epoch,mi_estimate", *rows]) + "\n")


def write_details(folder: Path, result: dict[str, Any], seed: int) -> None:
    """Write a metrics.csv of 200 logged steps in 10 epochs, and which of 10,000 test images a done run got right.

    Some images are harder than others for all runs.
    """
    draw = np.random.default_rng(seed)
    rows = [",".join(["step", "epoch", *LOGGED, *AT_EPOCHS])]
    for i, values in enumerate(draw.normal(1, 0.1, (200, len(LOGGED))).astype("float32").astype(float).tolist()):
        values[LOGGED.index("mi_estimate")] += mi(i, 200)
        rows.append(",".join(map(str, [50 * i + 49, i // 20, *values, *[""] * len(AT_EPOCHS)])))
        if i % 20 == 19:
            ends = draw.normal(60, 1, len(AT_EPOCHS)).tolist()
            rows.append(",".join(map(str, [50 * i + 49, i // 20, *[""] * len(LOGGED), *ends])))
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    hard = np.random.default_rng(0).random(IMAGES)
    for name in ("linear", "knn"):
        if value := result.get(f"{name}_top1"):
            rank = (hard + draw.normal(0, 0.15, IMAGES)).argsort().argsort()
            write_right(folder, name, rank < round(value * IMAGES / 100))


def mi(i: int, steps: int) -> float:
    """A curve that rises."""
    return 2 - 2 * math.exp(-4 * i / steps)


def seeds(values: Iterable[float], **settings: Any) -> list[Told]:
    """Jobs of one setting, one for each accuracy."""
    return [({**settings, "seed": i}, {"linear_top1": value}) for i, value in enumerate(values)]


def grid_of(folder: Path, **asked: str) -> Grid:
    """The sweep of a folder with its axis."""
    return choose(read_sweep(folder), **asked)


def made_up(runs: int) -> list[Told]:
    """As many jobs of K, alpha, tau and seed; of more than 4 the last three run, failed, and have not started."""
    taus, alphas = (0.1, 0.2, 0.3, 0.5)[: max(1, runs // 40)], (None, 256, 4096, 65536)[: max(1, runs // 10)]
    told = [(K, alpha, tau) for tau in taus for alpha in alphas for K in (1, 4, 16, 64, 255)]
    jobs: list[Told] = []
    for i in range(runs):
        seed, at = divmod(i, min(runs, len(told)))
        (K, alpha, tau), noise = told[at], random.Random(i).gauss(0, 0.4)
        top1 = 78 + (4 if alpha else math.log2(K) / 2) - 9 * tau + noise
        result = {"linear_top1": top1, "knn_top1": top1 - 3 + noise / 2, "loss": 0.6 * math.log(1 + (alpha or K))}
        result |= {"mi_estimate": result["loss"] / 1.5, "seconds": 60 + K / 9 + noise, "images_per_second": 900 - K}
        jobs.append(({"K": K, "alpha": alpha, "tau": tau, "seed": seed}, result))
    states = [{"status": "running"}, {"status": "failed", "error": "loss is not finite at step 40"}, None]
    ends = [(told, state) for (told, _), state in zip(jobs[-3:], states, strict=True)]
    return [*jobs[:-3], *ends] if runs > 4 else jobs


def unrelated() -> list[Told]:
    """Four runs of which any two differ in more than one setting."""
    settings = [("simo", 16, 0.1, 256), ("moco_v2", 64, 0.2, 128), ("simclr", 254, 0.5, 512), ("simo", 4, 0.07, 64)]
    keys = ("method", "K", "tau", "batch_size")
    return [(dict(zip(keys, told, strict=True)), {"linear_top1": 70.0 + i}) for i, told in enumerate(settings)]
