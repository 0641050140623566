"""Plot a run's metrics.csv as curves.png in its folder.

contrastive-lab curves run=outputs/simo/<date>
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.launch.script import Values, run_script

FORMS = {"run=<folder of a run>": "where the figure goes too; needed"}


def task(values: Values) -> None:
    """Write the figure and print where it is."""
    from contrastive_lab.report.run_curves import plot_run  # here, so that errors need not wait for matplotlib

    print(plot_run(Path(values["run"])))


def main(line: Sequence[str]) -> int:
    """Run a line of `curves`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
