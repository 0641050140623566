"""Run an experiment of the theory: python scripts/theory.py theory=<name>, its dials in conf/theory/<name>.yaml."""

import shutil
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from contrastive_lab.config import CONF
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.command_line import theory_line


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="theory")
def main(config: DictConfig) -> None:
    """One experiment: a table, a figure and result.json in a folder of its own."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        outcome = instantiate(config.theory, _convert_="all", _partial_=True)()  # not by Hydra, which wraps errors
    except (ValueError, ConfigError, RunError) as error:  # a dial out of range, a run that cannot be read
        print(f"error: {error}", file=sys.stderr)
        shutil.rmtree(folder / ".hydra", ignore_errors=True)
        folder.rmdir()
        sys.exit(1 if isinstance(error, RunError) else 2)
    outcome.write(folder)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(f"{outcome}\n\ntable.csv, figure.png, figure.pdf and result.json in {shown}")


if __name__ == "__main__":
    sys.exit(theory_line(main))
