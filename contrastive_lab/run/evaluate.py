"""Evaluate the encoder of a stored run."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from contrastive_lab.run.build import build_data, build_encoder, score
from contrastive_lab.run.folder import write_json


def evaluate_run(folder: Path, config: DictConfig) -> str:
    """Score the last checkpoint of a run, and keep the scores in its folder.

    Args:
        folder: of the run.
        config: of the run, with the evaluation asked for.

    Returns:
        One line for the screen; the same values go to `evaluation_<name>_<features>.json`.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config.strategy, config.trainer.num_nodes = {"name": "single", "accelerator": "auto", "devices": 1}, 1
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    state = checkpoint["state_dict"]
    encoder = build_encoder(config)
    encoder.load_state_dict({k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")})
    scores = score(config, encoder.to(device), build_data(config))
    asked = config.evaluation
    values = {"evaluation": asked.name, "features": asked.features, "top1": scores.top1, "top5": scores.top5}
    write_json(folder / f"evaluation_{asked.name}_{asked.features}.json", {**values, "step": checkpoint["global_step"]})
    return f"{asked.name} on {asked.features}: {scores.top1:.2f} % top-1, {scores.top5:.2f} % top-5 ({folder})"
