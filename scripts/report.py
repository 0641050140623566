"""Write the report of a sweep, finished or not: tables, figures and one page.

python scripts/report.py sweep=outputs/sweeps/<name> [x=K] [hue=alpha]     (any folder with runs in it will do)
"""

import sys
from pathlib import Path

from contrastive_lab.launch.arguments import key_values
from contrastive_lab.launch.command_line import exit_code


def main() -> None:
    """Check the line, write the report, say where it is."""
    values = key_values(sys.argv[1:], ["sweep=<folder of a sweep>", "x=<key>", "hue=<key>"])
    from contrastive_lab.report import write_report  # here, so that errors need not wait for matplotlib

    print(write_report(Path(values["sweep"]), values.get("x"), values.get("hue")))


if __name__ == "__main__":
    sys.exit(exit_code(main))
