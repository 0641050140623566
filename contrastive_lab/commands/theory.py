"""Run an analysis of the theory: a table, figures and result.json in a folder of its own.

contrastive-lab theory theory=<name> [theory.<setting>=<value>]
contrastive-lab theory theory=<name> --help
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.command_line import theory_line


def task(config: DictConfig) -> None:
    """Run one analysis."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    try:
        result = instantiate(config.theory, _convert_="all", _partial_=True)()  # not by Hydra, which wraps errors
    except (ValueError, ConfigError, RunError) as error:  # a setting out of range, a run that cannot be read
        for problem in getattr(error, "problems", [error]):
            print(f"error: {problem}", file=sys.stderr)
        shutil.rmtree(folder / ".hydra", ignore_errors=True)
        os.removedirs(shown)
        sys.exit(1 if isinstance(error, RunError) else 2)
    result.write(folder)
    print(f"{result}\n\ntable.csv, figures and result.json in {shown}")


def main(line: Sequence[str]) -> int:
    """Run a line of `theory`; returns the exit code."""
    return theory_line(task, line, __doc__)
