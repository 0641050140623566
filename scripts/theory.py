"""Run an experiment of the theory: python scripts/theory.py theory=<name>, its dials in conf/theory/<name>.yaml."""

import shutil
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from contrastive_lab.config import CONF
from contrastive_lab.config.command_line import theory_line


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="theory")
def main(config: DictConfig) -> None:
    """One experiment: a table, a figure and result.json in a folder of its own."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        outcome = instantiate(config.theory, _convert_="all")
    except InstantiationException as error:
        if not isinstance(error.__cause__, ValueError):
            raise
        print(f"error: {error.__cause__}", file=sys.stderr)  # a dial out of range
        shutil.rmtree(folder / ".hydra", ignore_errors=True)
        folder.rmdir()
        sys.exit(2)
    outcome.write(folder)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(f"{outcome}\n\ntable.csv, figure.png, figure.pdf and result.json in {shown}")


if __name__ == "__main__":
    sys.exit(theory_line(main))
