"""What a run tells and leaves before its first step."""

from pathlib import Path

from omegaconf import DictConfig

from contrastive_lab.config.resolve import Resolved
from contrastive_lab.dataset import Splits
from contrastive_lab.dataset.labelled import rows
from contrastive_lab.record.files import LABELLED, write_table
from contrastive_lab.run.console import banner


def begin(config: DictConfig, resolved: Resolved, splits: Splits, folder: Path, short: bool = False) -> None:
    """Print the banner, and write down which images have labels where that is a share of them."""
    if text := banner(config, resolved, splits, folder, short):
        print(text, flush=True)
    if splits.labelled is not None:
        write_table(folder / LABELLED, ("image", "label", "file"), rows(splits))
