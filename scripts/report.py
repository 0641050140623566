"""Write the report of a sweep, finished or not: tables, figures and one page.

python scripts/report.py sweep=outputs/sweeps/<name> [x=K] [hue=alpha]     (any folder with runs in it will do)
"""

import sys
from pathlib import Path

from contrastive_lab.config.command_line import exit_code
from contrastive_lab.config.errors import ConfigError


def main() -> None:
    """Check the line, write the report, say where it is."""
    values = asked(sys.argv[1:])
    from contrastive_lab.report import write_report  # here, so that errors need not wait for matplotlib

    print(write_report(Path(values["sweep"]), values.get("x"), values.get("hue")))


def asked(arguments: list[str]) -> dict[str, str]:
    """The values of sweep, x and hue."""
    values: dict[str, str] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in ("sweep", "x", "hue") or key in values or not value:
            raise ConfigError(f"{argument}: takes sweep=<folder of a sweep>, x=<key> and hue=<key>, each once")
        values[key] = value
    if "sweep" not in values:
        raise ConfigError("sweep=<folder of a sweep>: needed")
    return values


if __name__ == "__main__":
    sys.exit(exit_code(main))
