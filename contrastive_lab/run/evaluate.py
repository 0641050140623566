"""Evaluate the encoder of a stored run."""

from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.protocols import knn
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.record.checkpoint import readable_checkpoint
from contrastive_lab.record.files import CHECKPOINT, write_json
from contrastive_lab.record.result import read_result
from contrastive_lab.record.right import write_right
from contrastive_lab.run.build import build_data, build_encoder, score
from contrastive_lab.run.console import few_neighbours
from contrastive_lab.run.start import tensors_of


def load_stored(net: nn.Module, folder: Path, prefix: str, path: Path | None = None) -> int:
    """Load what a checkpoint, by default the last of the run in `folder`, has under a prefix; returns its steps."""
    checkpoint = tensors_of(path or readable_checkpoint(folder) or folder / CHECKPOINT)
    state = checkpoint["state_dict"].items()
    net.load_state_dict({key.removeprefix(prefix): value for key, value in state if key.startswith(prefix)})
    return int(checkpoint["global_step"])


def stored_encoder(folder: Path, config: DictConfig) -> tuple[Encoder, int]:
    """The encoder of a run's last checkpoint on this machine's device, and how many steps it has had."""
    encoder = build_encoder(config)
    steps = load_stored(encoder, folder, "encoder.")
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu"), steps


def final_scores(config: DictConfig, encoder: Encoder, data: ViewsDataModule) -> dict[str, Scores]:
    """The final evaluation, and kNN where the training had no epoch to measure it in; empty without labels.

    Every process takes part, and the first one has the scores.
    """
    if not data.splits.probed:
        return {}
    name, neighbours = config.evaluation.name, config.probes.knn
    found = {name: score(config, encoder, data)}
    if config.epochs == 0 and name != "knn":
        found["knn"] = knn(encoder, data, k=neighbours.k, temperature=neighbours.temperature)
    return {name: scores for name, scores in found.items() if scores}


def evaluate_run(folder: Path, config: DictConfig) -> str:
    """Score a run's last checkpoint into `evaluation_<name>_<settings>.json` in its folder; returns a line to print."""
    data = build_data(config)
    encoder, step = stored_encoder(folder, config)
    if (then := read_result(folder).data_hash) not in (None, data.hash):
        print(f"notice: evaluated on other data than those of the run ({then} then, {data.hash} now)", flush=True)
    for notice in few_neighbours(config.evaluation.get("k", 0), data.splits):
        print(f"notice: {notice}", flush=True)
    scores = score(config, encoder, data)
    assert scores is not None  # a command of one process
    asked = config.evaluation
    settings = {key: value for key, value in asked.items() if key not in ("name", "_target_")}
    name = "_".join([asked.name, *map(str, settings.values())])
    top5 = scores.top5 if data.splits.classes > 5 else None  # else it is 100
    values = {"evaluation": asked.name, **settings, "top1": scores.top1, "top5": top5, "step": step}
    write_json(folder / f"evaluation_{name}.json", values)
    write_right(folder, name, scores.right)
    told = f"{scores.top1:.2f} % top-1" + (f", {top5:.2f} % top-5" if top5 is not None else "")
    return f"{asked.name} on {asked.features}: {told} ({folder})"
