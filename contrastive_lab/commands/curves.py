"""Plot what runs logged during training, of one run or of several upon each other.

contrastive-lab curves run=outputs/simo/<date>
contrastive-lab curves run=outputs/simo/<date>,outputs/swav/<date> panels=loss,knn_top1 out=both.pdf
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.errors import ConfigError
from contrastive_lab.imports import quickly
from contrastive_lab.launch.script import OWN_CODE, Values, run_script

KINDS = (".png", ".pdf", ".svg")
FORMS = {
    "run=<folders of runs>": "one, or several with commas between them; needed",
    "panels=<columns>": "of metrics.csv, a panel each; losses, accuracies, cosines and gradients unless told",
    "out=<file>": "png, pdf or svg; curves.png in the run's folder, or of several runs in this one, unless told",
    **OWN_CODE,
}


def task(values: Values) -> None:
    """Write the figure and print where it is."""
    runs, columns = _folders(values["run"]), values["panels"].split(",") if "panels" in values else []
    out = Path(values.get("out") or (runs[0] / "curves.png" if len(runs) == 1 else "curves.png"))
    if "out" in values and not (out.suffix in KINDS and out.absolute().parent.is_dir()):
        raise ConfigError(f"out={out}: must be a file that ends in {', '.join(KINDS)}, in a folder that is there")
    with quickly():  # here, so that errors need not wait for matplotlib
        from contrastive_lab.report.run_curves import plot_runs

    print(plot_runs(runs, out, columns))


def _folders(text: str) -> list[Path]:
    """The folders of a line, of which a job's has commas in its name; the longest name that is one counts."""
    parts, found = text.split(","), list[Path]()
    while parts:
        ends = (n for n in range(len(parts), 0, -1) if Path(",".join(parts[:n])).is_dir())
        n = next(ends, len(parts))
        found.append(Path(",".join(parts[:n])))
        parts = parts[n:]
    return found


def main(line: Sequence[str]) -> int:
    """Run a line of `curves`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
