"""What a run starts from: weights of a stored run's backbone, of an export or of a file, tensors and nothing else."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.record.checkpoint import readable_checkpoint, tensors_alone
from contrastive_lab.record.files import WEIGHTS

PREFIX = "encoder.backbone."  # of a backbone in the checkpoint of a run
CLASSIFIERS = ("fc.", "head.", "classifier.")  # what other files have beside the backbone


def tensors_of(path: Path) -> dict[str, Any]:
    """What a checkpoint holds; a ConfigError if that is more than tensors and plain values, none of which is made."""
    with tensors_alone(path):
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return found


def start_from(backbone: nn.Module, where: str, name: str) -> None:
    """Load the weights of a backbone, called `name`, from a run, an export, or a file (safetensors or torch's own).

    A file's classifier is left out. ConfigError, in one line, if the weights are not those of such a backbone.
    """
    told, own = f"weights={where}", backbone.state_dict()
    state = {key: value for key, value in _weights(Path(where), told).items() if isinstance(value, Tensor)}
    others = [key for key in state if key not in own and not key.startswith(CLASSIFIERS)]
    lacking, hint = [key for key in own if key not in state], f"take the backbone that they are of, not {name}"
    if lacking or others:
        which = f"no {lacking[0]}" if lacking else f"{others[0]} too"
        raise ConfigError(f"{told}: has {which}; {hint}")
    for key, value in own.items():
        if value.shape != state[key].shape:
            shapes = f"{tuple(state[key].shape)}, not {tuple(value.shape)}"
            raise ConfigError(f"{told}: {key} has the shape {shapes}; {hint}")
    backbone.load_state_dict({key: state[key] for key in own})


def _weights(path: Path, told: str) -> dict[str, Any]:
    """The tensors of a backbone by their key."""
    file = path / WEIGHTS if path.is_dir() and (path / WEIGHTS).is_file() else path
    if path.is_dir() and file == path:
        checkpoint = readable_checkpoint(path)
        if checkpoint is None:
            raise ConfigError(f"{told}: neither the folder of a run with a checkpoint nor that of an export")
        file = checkpoint
    try:
        found: dict[str, Any] = load_file(file) if file.suffix == ".safetensors" else tensors_of(file)
    except Exception as error:  # of a damaged file, or one that holds more than tensors
        raise ConfigError(f"{told}: cannot be read as tensors ({first_line(error)})") from None
    found = found["state_dict"] if isinstance(found.get("state_dict"), dict) else found
    of_run = {key.removeprefix(PREFIX): value for key, value in found.items() if key.startswith(PREFIX)}
    return of_run or found
