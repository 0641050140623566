"""Write the report of a sweep, finished or not: tables, figures and one page.

contrastive-lab report sweep=outputs/sweeps/<name> [x=K] [hue=alpha] [y=knn_top1] [margin=0.5]
contrastive-lab report sweep=outputs/sweeps/<name> serve=true [port=8000]

Any folder with runs in it will do. y is any accuracy, also one that evaluate added, or any logged metric; margin is
what counts as no difference, in its unit. serve=true keeps the page alive on this machine, on a free port or the one
given: how the jobs stand, and figures that grow as they end.
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.config.values import points
from contrastive_lab.errors import ConfigError
from contrastive_lab.imports import quickly
from contrastive_lab.launch.script import OWN_CODE, Values, run_script

FORMS = {
    "sweep=<folder of a sweep>": "with sweep.json in it, or any folder with runs; needed",
    "x=<key>": "the x axis; the experiment's, or K, unless told",
    "hue=<key>": "a colour for each of its values; the experiment's, or alpha, unless told",
    "y=<metric>": "accuracy or logged metric; the experiment's, or linear_top1, unless told",
    "margin=<points>": "what counts as no difference; the experiment's, or 0.5, unless told",
    "serve=true": "keep the page alive until Ctrl-C",
    "port=<number>": "where it is served; a free one unless told",
    **OWN_CODE,
}


def task(values: Values) -> None:
    """Write the report and say where it is, or serve it."""
    folder, asked = Path(values["sweep"]), {name: values.get(name) for name in ("x", "hue", "y")}
    within = points(values["margin"]) if "margin" in values else None
    if _served(values):
        with quickly():
            from contrastive_lab.report.serve import serve

        serve(folder, int(values.get("port", 0)), margin=within, **asked)
    else:
        with quickly():  # here, so that errors need not wait for matplotlib
            from contrastive_lab.report import write_report

        print(write_report(folder, margin=within, **asked))


def _served(values: Values) -> bool:
    served, port = values.get("serve", "false"), values.get("port", "0")
    if served not in ("true", "false"):
        raise ConfigError(f"serve={served}: must be true or false")
    if not (port.isdecimal() and int(port) < 65536) or ("port" in values and served == "false"):
        raise ConfigError(f"port={port}: must be a number up to 65535, with serve=true")
    return served == "true"


def main(line: Sequence[str]) -> int:
    """Run a line of `report`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
