"""Evaluate a stored run by one of the papers' protocols.

python scripts/evaluate.py run=outputs/simo/<date> evaluation=linear|linear_moco|mean|knn
python scripts/evaluate.py run=outputs/simo/<date> evaluation=knn evaluation.features=h|z|pixels evaluation.k=20
"""

import sys
from pathlib import Path

from omegaconf import DictConfig

from contrastive_lab.config import CONF
from contrastive_lab.config.overrides import composed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.command_line import exit_code, prepare
from contrastive_lab.record.run import check_stored, stored_config


def main() -> None:
    """Check the line, load the encoder, print and store its accuracies."""
    folder, config = stored_run(sys.argv[1:])
    from contrastive_lab.run.evaluate import evaluate_run  # here, so that errors need not wait for torch

    print(evaluate_run(folder, config))


def stored_run(arguments: list[str]) -> tuple[Path, DictConfig]:
    """The folder of a run and its configuration with the evaluation asked for."""
    runs = [a.removeprefix("run=") for a in arguments if a.startswith("run=")]
    others = [a for a in arguments if not a.startswith("run=")]
    wrong = [a for a in others if not a.startswith(("evaluation=", "evaluation.", "data_dir="))]
    if len(runs) != 1 or wrong:
        problem = (
            f"{wrong[0]}: takes run=, evaluation= and data_dir= alone" if wrong else "run=<folder of a run>: needed"
        )
        raise ConfigError(f"{problem}; see {Path(sys.argv[0]).name} in the README")
    folder = Path(runs[0])
    if problems := check_stored(folder):
        raise ConfigError(*[f"run={problem}" for problem in problems])
    asked, config = composed(others, CONF), stored_config(folder)
    config.evaluation = asked.evaluation
    if any(a.startswith("data_dir=") for a in others):
        config.data_dir = asked.data_dir
    return folder, config


if __name__ == "__main__":
    prepare()
    sys.exit(exit_code(main))
