"""Evaluate a stored run by one of the papers' protocols.

contrastive-lab evaluate run=outputs/simo/<date> evaluation=linear|linear_moco|mean|knn
contrastive-lab evaluate run=outputs/simo/<date> evaluation=knn evaluation.features=h|z|pixels evaluation.k=20
contrastive-lab evaluate run=outputs/simo/<date> evaluation=knn data_dir=/data dataset.root=/where/they/are/now
"""

from collections.abc import Sequence
from functools import partial

from contrastive_lab.config.help import options_help
from contrastive_lab.config.overrides import composed
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.moved import moved_config
from contrastive_lab.launch.script import PLACES, Values, run_script, stored_folder

FORMS = {
    "run=<folder of a run>": "whose encoder is evaluated, and where the accuracies go; needed",
    "evaluation=<protocol>": "linear unless told",
    "evaluation.*=<value>": "a setting of the protocol, see below",
    **PLACES,
}


def task(values: Values) -> None:
    """Check the line, load the encoder, print and store its accuracies."""
    folder = stored_folder(values["run"])
    prepare()
    asked = composed([f"{key}={value}" for key, value in values.items() if key.startswith("evaluation")])
    config = moved_config(folder, values)
    config.evaluation = asked.evaluation
    from contrastive_lab.run.evaluate import evaluate_run  # here, so that errors need not wait for torch

    print(evaluate_run(folder, config))


def main(line: Sequence[str]) -> int:
    """Run a line of `evaluate`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS, partial(options_help, "evaluation"))
