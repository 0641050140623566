"""Write the backbone of a stored run as safetensors, with a card that says what it loads into.

python scripts/export.py run=outputs/simo/<date> [out=<folder>]     (default: the folder `export` of the run)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.launch.script import Values, run_script, stored_folder
from contrastive_lab.record.run import stored_config


def main(values: Values) -> None:
    """Check the line, write weights and card."""
    folder = stored_folder(values["run"])
    config = stored_config(folder)
    from contrastive_lab.run.export import export_run  # here, so that errors need not wait for torch

    print(export_run(folder, config, Path(values.get("out", folder / "export"))))


if __name__ == "__main__":
    sys.exit(run_script(main, __doc__, "run=<folder of a run>", "out=<folder>"))
