"""Fine-tune an object detector from a stored run, or from all runs of a sweep.

contrastive-lab detect run=outputs/simo/<date>                                # on canvases of the run's own images
contrastive-lab detect -m run=outputs/simo/<date> start=run,random seed=0,1,2  # beside an encoder from scratch
contrastive-lab detect sweep=outputs/sweeps/<name> start=run,random           # ends in a report, K on its x axis
contrastive-lab detect -m run=outputs/simo/<date> data.images=100,1600        # few canvases and many
contrastive-lab detect run=outputs/simo/<date> data=coco data.root=/data/coco scale=paper
contrastive-lab detect experiment=eqco/table9 scale=laptop                    # pre-trains, then detects
contrastive-lab detect resume=outputs/detect/<date>

A Faster R-CNN with FPN as in EqCo's Table 9 (docs/detect.md); average precision in percent goes to result.json. Scale,
data set, backbone and seed are those of the run unless told.
"""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from contrastive_lab.commands import train
from contrastive_lab.config import options
from contrastive_lab.config.help import entries, row
from contrastive_lab.launch.command_line import prepare, run_line
from contrastive_lab.launch.detect import of_detect, read_asked, read_experiment
from contrastive_lab.launch.script import asks_for_help, exit_code, help_text

FORMS = {
    "run=<folder of a run>": "whose backbone the detector starts from; or",
    "sweep=<folder of a sweep>": "all runs of whose last line do, each by itself; or",
    "experiment=<name>": "pre-trains first, or takes what it has pre-trained before: eqco/table9",
    "start=run|random|supervised": "the run's weights, none, or a library's of ImageNet's labels; run unless told",
    "data=canvases|coco": "objects pasted on clutter, or a json of COCO's form",
    "resume=<folder>": "of a run of detect to go on with",
}


def job(config: DictConfig) -> float | None:
    """One run, or one job of a multirun; its AP goes to Hydra's sweepers."""
    from contrastive_lab.launch.jobs import one_run, sweep_job  # here: --help and errors need not wait for torch
    from contrastive_lab.run.detect import detect

    return (one_run if HydraConfig.get().mode == RunMode.RUN else sweep_job)(config, detect)


def task(line: Sequence[str]) -> None:
    """Check the line, pre-train where an experiment asks for it, and train the detectors."""
    told, node = [*line], None
    if experiment := read_experiment(told):
        run_line(train.task, experiment.train)
        told, node = experiment.detect, experiment.node
    asked = read_asked(told)
    run_line(job, asked.line, asked.grids, of_detect(node)._replace(typed=tuple(line)))


def settings() -> str:
    """The settings of detection at the scale laptop, and of each kind of data."""
    from contrastive_lab.config.detect import Detect, Detector, Precision
    from contrastive_lab.config.model import schema_of
    from contrastive_lab.config.overrides import base
    from contrastive_lab.config.schema import model_of

    config = base((), "detect")
    found = [*entries(schema_of(Detect), {name: config[name] for name in Detect.model_fields})]
    for name, model in (("detector", Detector), ("precision", Precision)):
        found += entries(schema_of(model), config[name], f"{name}.")
    for option in options("data"):
        node = base((f"data={option}",), "detect").data
        found += entries(schema_of(model_of("data", node)), node, "data.")
    return "\n".join(row(*entry) for entry in dict(found).items())


def main(line: Sequence[str]) -> int:
    """Run a line of `detect`; returns the exit code."""
    prepare()
    if asks_for_help(line):
        print(help_text(__doc__, FORMS), settings(), sep="\n")
        return 0
    return exit_code(lambda: task(line))
