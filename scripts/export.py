"""Write the backbone of a stored run as safetensors, with a card that says what it loads into.

python scripts/export.py run=outputs/simo/<date> [out=<folder>]     (default: the folder `export` of the run)
"""

import sys
from pathlib import Path

from contrastive_lab.config.command_line import exit_code
from contrastive_lab.config.errors import ConfigError
from contrastive_lab.config.stored import check_stored, stored_config


def main() -> None:
    """Check the line, write weights and card."""
    folder, out = asked(sys.argv[1:])
    config = stored_config(folder)
    from contrastive_lab.run.export import export_run  # here, so that errors need not wait for torch

    print(export_run(folder, config, out))


def asked(arguments: list[str]) -> tuple[Path, Path]:
    """The folder of a run, and the one to write to."""
    values: dict[str, str] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in ("run", "out") or key in values or not value:
            raise ConfigError(f"{argument}: takes run=<folder of a run> and out=<folder>, each once")
        values[key] = value
    if "run" not in values:
        raise ConfigError("run=<folder of a run>: needed")
    folder = Path(values["run"])
    if problems := check_stored(folder):
        raise ConfigError(*[f"run={problem}" for problem in problems])
    return folder, Path(values["out"]) if "out" in values else folder / "export"


if __name__ == "__main__":
    sys.exit(exit_code(main))
