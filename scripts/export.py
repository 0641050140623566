"""Write the backbone of a stored run as safetensors, with a card that says what it loads into.

python scripts/export.py run=outputs/simo/<date> [out=<folder>]     (default: the folder `export` of the run)
"""

import sys
from pathlib import Path

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.arguments import key_values
from contrastive_lab.launch.command_line import exit_code
from contrastive_lab.record.run import check_stored, stored_config


def main() -> None:
    """Check the line, write weights and card."""
    folder, out = asked(sys.argv[1:])
    config = stored_config(folder)
    from contrastive_lab.run.export import export_run  # here, so that errors need not wait for torch

    print(export_run(folder, config, out))


def asked(arguments: list[str]) -> tuple[Path, Path]:
    """The folder of a run, and the one to write to."""
    values = key_values(arguments, ["run=<folder of a run>", "out=<folder>"])
    folder = Path(values["run"])
    if problems := check_stored(folder):
        raise ConfigError(*[f"run={problem}" for problem in problems])
    return folder, Path(values["out"]) if "out" in values else folder / "export"


if __name__ == "__main__":
    sys.exit(exit_code(main))
