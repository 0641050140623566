"""Write a stored run's backbone as safetensors, with a card that says what it loads into.

contrastive-lab export run=outputs/simo/<date> [out=<folder>] [onnx=true]
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.errors import ConfigError
from contrastive_lab.imports import quickly
from contrastive_lab.launch.script import OWN_CODE, Values, run_script, stored_folder
from contrastive_lab.record.run import stored_config

FORMS = {
    "run=<folder of a run>": "whose last checkpoint is taken; needed",
    "out=<folder>": "where weights, card and README.md go; the folder `export` of the run unless told",
    "onnx=true": "as an ONNX graph too; needs the package onnx",
    **OWN_CODE,
}


def task(values: Values) -> None:
    """Check the line, write weights and card."""
    if (onnx := values.get("onnx", "false")) not in ("true", "false"):
        raise ConfigError(f"onnx={onnx}: must be true or false")
    folder = stored_folder(values["run"])
    config = stored_config(folder)
    with quickly():  # here, so that errors need not wait for torch
        from contrastive_lab.run.export import export_run

    print(export_run(folder, config, Path(values.get("out", folder / "export")), onnx == "true"))


def main(line: Sequence[str]) -> int:
    """Run a line of `export`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
