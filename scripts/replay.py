"""Repeat the step at which a run met a NaN or an infinity, and name the first module that gives one.

python scripts/replay.py run=outputs/simo/<date>
python scripts/replay.py run=outputs/simo/<date> data_dir=/data dataset.root=/where/they/are/now
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.config.identity import MOVED, moved
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.script import Values, run_folder, run_script
from contrastive_lab.record.run import stored_config


def main(values: Values) -> None:
    """Check the line, repeat the step and print what was found."""
    folder = run_folder(values["run"])
    prepare()
    config = moved(stored_config(folder), values)
    from contrastive_lab.run.replay import replay  # here, so that errors need not wait for torch

    print(replay(folder, config))


if __name__ == "__main__":
    sys.exit(run_script(main, __doc__, "run=<folder of a run>", *(f"{key}=<where it is now>" for key in MOVED)))
