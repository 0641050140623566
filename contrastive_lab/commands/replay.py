"""Repeat the step that met a NaN or an infinity, and name the first module that gives one.

contrastive-lab replay run=outputs/simo/<date>
contrastive-lab replay run=outputs/simo/<date> data_dir=/data dataset.root=/where/they/are/now
"""

from collections.abc import Sequence

from contrastive_lab.imports import quickly
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.moved import moved_config
from contrastive_lab.launch.script import OWN_CODE, PLACES, Values, run_folder, run_script

FORMS = {"run=<folder of a run>": "which kept what the step began with; needed", **PLACES, **OWN_CODE}


def task(values: Values) -> None:
    """Check the line, repeat the step and print what was found."""
    folder = run_folder(values["run"])
    prepare()
    config = moved_config(folder, values)
    with quickly():  # here, so that errors need not wait for torch
        from contrastive_lab.run.replay import replay

    print(replay(folder, config))


def main(line: Sequence[str]) -> int:
    """Run a line of `replay`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
