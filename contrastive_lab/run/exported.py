"""The encoder of an export, read as that of a run is: its backbone, and no head."""

from pathlib import Path
from typing import Any, cast

import torch

from contrastive_lab.config.plugins import allowed
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.run.export import load_backbone


def exported_encoder(folder: Path, card: dict[str, Any]) -> tuple[Encoder, int]:
    """The encoder of the export in a folder with such a card, on this machine's device, and the steps it has had.

    ConfigError if the net that the card names may not be made, or its weights are not those.
    """
    try:
        net = load_backbone(folder, allowed())
        size = int(card["images"]["size"])
        with torch.no_grad():
            net.num_features = cast(Any, net(torch.zeros(1, 3, size, size)).shape[1])
    except Exception as error:  # a stranger's file may hold anything
        raise ConfigError(f"run={folder}: cannot be read as an export ({first_line(error)})") from None
    encoder = Encoder(net, build_head("none", cast(int, net.num_features)))
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu"), int(card["step"])
