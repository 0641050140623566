"""Fine-tune a stored run, or all runs of a sweep, on a share of the labels.

contrastive-lab finetune run=outputs/simo/<date> labels=0.1
contrastive-lab finetune run=outputs/simo/<date> labels=0.1 method.frozen=true    # a linear classifier alone
contrastive-lab finetune sweep=outputs/sweeps/<name> labels=0.01,0.1              # ends in a report, K on its x axis
contrastive-lab finetune -m run=outputs/simo/<date> start=run,random seed=0,1,2   # beside an encoder from scratch

SimCLR's protocol, with any setting of training beside it (contrastive-lab train --help lists them). Scale, data set,
backbone and seed are those of the run unless told; dataset=<another> is a transfer. The folder is that of a run of
method=finetune: contrastive-lab train resume=<folder> goes on with it.
"""

from collections.abc import Sequence

from contrastive_lab.commands import train
from contrastive_lab.launch.command_line import prepare, run_line
from contrastive_lab.launch.finetune import read_asked
from contrastive_lab.launch.preflight import TRAIN
from contrastive_lab.launch.script import asks_for_help, exit_code, help_text

FORMS = {
    "run=<folder of a run>": "whose backbone is fine-tuned; or",
    "sweep=<folder of a sweep>": "all runs of whose last line are, each by itself; one of the two is needed",
    "labels=<share>": "of the labelled images, as many of each class, a function of the seed; 1.0 unless told",
    "start=run|random": "from the run's weights, or from scratch for comparison; run unless told",
    "method.frozen=true": "train a linear classifier on the backbone as it is",
}


def task(line: Sequence[str]) -> None:
    """Check the line and train what it asks for."""
    asked = read_asked([*line])
    run_line(train.task, asked.line, asked.grids, TRAIN._replace(typed=tuple(line)))


def main(line: Sequence[str]) -> int:
    """Run a line of `finetune`; returns the exit code."""
    if asks_for_help(line):
        print(help_text(__doc__, FORMS))
        return 0
    prepare()
    return exit_code(lambda: task(line))
