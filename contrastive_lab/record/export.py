"""The card of an export, backbone.json."""

from pathlib import Path
from typing import Any

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import CARD, read_json
from contrastive_lab.record.run import check_links, has_config


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card of an export's folder; None of a folder without one, and of a run's.

    ConfigError if it cannot be read, lacks what images are prepared by, or a link leads out of the folder.
    """
    if not (folder / CARD).is_file() or has_config(folder):
        return None
    check_links(folder)
    try:
        card = read_json(folder / CARD)
        images = card["images"]
        int(card["step"]), int(images["size"]), [*map(float, (*images["mean"], *images["std"]))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise ConfigError(f"run={folder}: {CARD} cannot be read as the card of an export ({told})") from None
    return card
