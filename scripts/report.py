"""Write the report of a sweep, finished or not: tables, figures and one page.

python scripts/report.py sweep=outputs/sweeps/<name> [x=K] [hue=alpha] [margin=0.5]

Any folder with runs in it will do. margin is what counts as no difference, in points of accuracy.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.script import Values, run_script


def main(values: Values) -> None:
    """Write the report, say where it is."""
    from contrastive_lab.report import write_report  # here, so that errors need not wait for matplotlib

    print(write_report(Path(values["sweep"]), values.get("x"), values.get("hue"), _margin(values)))


def _margin(values: Values) -> float | None:
    try:
        margin = float(values["margin"]) if "margin" in values else None
    except ValueError:
        margin = 0.0
    if margin is not None and not 0 < margin < math.inf:
        raise ConfigError(f"margin={values['margin']}: must be a number above 0, in points of accuracy")
    return margin


if __name__ == "__main__":
    sys.exit(run_script(main, __doc__, "sweep=<folder of a sweep>", "x=<key>", "hue=<key>", "margin=<points>"))
