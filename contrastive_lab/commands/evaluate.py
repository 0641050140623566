"""Evaluate a stored run, or all of a sweep, by one of the papers' protocols, on its own or on other images.

contrastive-lab evaluate run=outputs/simo/<date> evaluation=linear|linear_moco|mean|knn
contrastive-lab evaluate run=outputs/simo/<date> evaluation=knn evaluation.features=h|z|pixels evaluation.k=20
contrastive-lab evaluate run=outputs/simo/<date> evaluation=knn data_dir=/data dataset.root=/where/they/are/now
contrastive-lab evaluate run=outputs/simo/<date> dataset=cifar10 data_dir=/data
contrastive-lab evaluate sweep=outputs/sweeps/<name> evaluation=mean

The accuracies of a run that is done go into its result.json beside its own, and so into the report of its sweep. On
another data set (transfer) the name of that comes first: transfer_cifar10_linear_top1. Of a sweep the finished runs of
its last line are evaluated that have no such score yet.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contrastive_lab.config.help import options_help
from contrastive_lab.imports import quickly
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.other_data import DATASET
from contrastive_lab.launch.script import OWN_CODE, PLACES, Values, run_script, stored_folder

FORMS = {
    "run=<folder of a run>": "whose encoder is evaluated, and where the accuracies go; this or",
    "sweep=<folder of a sweep>": "whose finished runs are, those of its last line; needed",
    "evaluation=<protocol>": "linear unless told; classifier of a fine-tuned run",
    "evaluation.*=<value>": "a setting of the protocol, see below",
    **DATASET,
    **PLACES,
    **OWN_CODE,
}


def task(values: Values) -> None:
    """Check the line, evaluate, print and store the accuracies."""
    folder = stored_folder(values["run"]) if "run" in values else Path(values["sweep"])
    prepare()
    with quickly():  # here: errors need not wait for torch
        from contrastive_lab.launch.evaluate import evaluate_one, evaluate_sweep

    if "run" in values:
        print(evaluate_one(folder, values))
    else:
        evaluate_sweep(folder, values)


def main(line: Sequence[str]) -> int:
    """Run a line of `evaluate`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS, partial(options_help, "evaluation"), either=2)
