"""Write a stored run's backbone as safetensors, with a card that says what it loads into.

contrastive-lab export run=outputs/simo/<date> [out=<folder>]
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.launch.script import Values, run_script, stored_folder
from contrastive_lab.record.run import stored_config

FORMS = {
    "run=<folder of a run>": "whose last checkpoint is taken; needed",
    "out=<folder>": "where weights and card go; the folder `export` of the run unless told",
}


def task(values: Values) -> None:
    """Check the line, write weights and card."""
    folder = stored_folder(values["run"])
    config = stored_config(folder)
    from contrastive_lab.run.export import export_run  # here, so that errors need not wait for torch

    print(export_run(folder, config, Path(values.get("out", folder / "export"))))


def main(line: Sequence[str]) -> int:
    """Run a line of `export`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
