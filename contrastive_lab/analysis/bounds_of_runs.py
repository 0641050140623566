"""The bounds on stored runs: from their folders to the rows of a table."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.config.check import WITHOUT_ALPHA
from contrastive_lab.config.identity import beside_infonce, moved
from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError, RunError, first_line
from contrastive_lab.evaluation.bounds import measure
from contrastive_lab.evaluation.features import probe_splits
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.record.result import read_result
from contrastive_lab.record.run import check_stored, of_encoder, stored_config
from contrastive_lab.run.build import build_data
from contrastive_lab.run.evaluate import stored_encoder
from contrastive_lab.theory.bounds.envelope import all_columns

FACTS = ("method", "dataset", "linear_top1")


def run_folders(run: str | None, sweep: str | None) -> list[Path]:
    """The folder of one run, or all folders of runs below another one.

    Raises:
        ValueError: if both are given, or there is no run that can be read.
    """
    if run is not None and sweep is not None:
        raise ValueError("theory.run and theory.sweep: give one of the two")
    if run is not None:
        if problems := check_stored(Path(str(run))):
            raise ValueError(f"theory.run={problems[0]}")
        return [Path(str(run))]
    found = sorted(path.parents[1] for path in Path(str(sweep)).rglob(CHECKPOINT))
    folders = [folder for folder in found if not check_stored(folder)]
    if not folders:
        raise ValueError(f"theory.sweep={sweep}: no folder of a run with a checkpoint in it")
    return folders


def measured_rows(
    folders: Sequence[Path], draws: Sequence[int] | None, tau: float | None, data_dir: str | None, **settings: int
) -> list[dict[str, Any]]:
    """One row for each run and each K + 1: the run, its accuracies, all terms and bounds, ordered by K + 1.

    Of several runs, one that cannot be measured is left out and named on stderr.

    Args:
        folders: of the runs.
        draws: values of K + 1; None is the run's own.
        tau: temperature; None is the run's own.
        data_dir: where the data set is; None is where it was.
        settings: views, passes and seed, as `measure` takes them.

    Raises:
        ValueError: names the run, if none can be measured: it has no K, no labels, or fewer test images than K + 1.
        ConfigError, RunError: if none can be measured and the first one's files or data cannot be read.
    """
    rows: list[dict[str, Any]] = []
    problems: list[Exception] = []
    for folder in folders:
        try:
            config = config_of(folder, data_dir)
            rows += _rows(folder, config, draws or _own_draws(folder, config), tau, settings)
        except (ValueError, ConfigError, RunError) as error:
            problems.append(error)
    if not rows:
        raise problems[0]
    for problem in problems:
        print(f"notice: left out, {problem}", file=sys.stderr)
    return sorted(rows, key=lambda row: int(row["draws"]))


def _own_draws(folder: Path, config: DictConfig) -> list[int]:
    """K + 1; for SimCLR with all keys N, as the authors count: its 2N - 2 negatives have the labels of N - 1 images."""
    if config.K is None and config.method_info.pool == "2N-2":
        return [int(config.batch_size)]
    K = resolve(config).K
    if K is None:
        raise ValueError(f"theory.draws=null: {folder} has no K of its own; give theory.draws=<K + 1>")
    return [K + 1]


def _rows(
    folder: Path, config: DictConfig, draws: Sequence[int], tau: float | None, settings: dict[str, int]
) -> list[dict[str, Any]]:
    tau = float(config.tau) if tau is None else tau
    try:
        encoder, data = built(folder, config)
        terms, facts = measure(encoder, data, draws, tau, **settings)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    known, counts = read_result(folder).flat(), torch.as_tensor(probe_splits(data.splits)[1].labels).bincount()
    alpha = "none" if config.loss.name in WITHOUT_ALPHA else "K" if config.alpha is None else f"{config.alpha:.12g}"
    asked = {"alpha": alpha, "tau": tau}
    asked["loss"] = ", ".join(f"{key} = {value}" for key, value in beside_infonce(config).items()) or "loss = info_nce"
    start = {"run": folder.name, **{name: known.get(name) for name in FACTS}, **asked}
    start |= {"classes": len(counts)}
    probs = (counts / counts.sum(dtype=torch.float64)).numpy()  # of the images that are measured on
    return [
        {**start, "draws": N, **facts, **all_columns(each, N - 1, tau, probs=probs)}
        for N, each in zip(draws, terms, strict=True)
    ]


def config_of(folder: Path, data_dir: str | None) -> DictConfig:
    """The configuration of a stored run whose data set is in `data_dir` now; None is where it was."""
    return moved(of_encoder(folder, stored_config(folder)), {} if data_dir is None else {"data_dir": data_dir})


def built(folder: Path, config: DictConfig) -> tuple[Encoder, ViewsDataModule]:
    """The encoder of a stored run and its data; ValueError where this version of the code cannot build them."""
    try:
        data = build_data(config)
        return stored_encoder(folder, config)[0], data
    except (OmegaConfBaseException, TypeError, RuntimeError) as error:  # a key, an argument or a layer has gone
        raise ValueError(f"cannot be built by this version of the code ({first_line(error)})") from None
