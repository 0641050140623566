"""Plot a run's metrics.csv as curves.png in its folder.

python scripts/curves.py run=outputs/simo/<date>
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.launch.script import Values, run_script


def main(values: Values) -> None:
    """Write the figure and print where it is."""
    from contrastive_lab.report.run_curves import plot_run  # here, so that errors need not wait for matplotlib

    print(plot_run(Path(values["run"])))


if __name__ == "__main__":
    sys.exit(run_script(main, __doc__, "run=<folder of a run>"))
