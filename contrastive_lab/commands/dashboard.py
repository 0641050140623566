"""Save a dashboard of this project's runs on Weights & Biases.

contrastive-lab dashboard entity=<you or your team>             # project=contrastive_lab name=negatives
contrastive-lab dashboard entity=<you> spec=dashboard.json      # only write what would be saved

Needs pip install wandb-workspaces, and to save it, W&B's server and a key.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from contrastive_lab.compat import workspace_json
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.script import Values, run_script

COLUMNS = ("K.value", "alpha.value", "loss.value.name", "sets.value", "remember.value")  # as W&B stores a config
FEW = ("competition", "factor", "agreement")
FORMS = {
    "entity=<you or your team>": "whose dashboard it is; needed",
    "project=<name>": "whose runs are shown; contrastive_lab unless told",
    "name=<name>": "the dashboard's own; negatives unless told",
    "spec=<file>": "write what would be saved, and save nothing",
}


def task(values: Values) -> None:
    """Build the dashboard, and save it or write its specification."""
    if "spec" in values and not Path(values["spec"]).absolute().parent.is_dir():
        raise ConfigError(f"spec={values['spec']}: must be a file in a folder that is there")
    try:
        board = dashboard(values["entity"], values.get("project", "contrastive_lab"), values.get("name", "negatives"))
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install wandb-workspaces") from None
    if "spec" in values:
        specification = workspace_json(board)
        Path(values["spec"]).write_text(specification + "\n")
        print(values["spec"])
        return
    try:
        board.save()
    except Exception as error:  # the client has no error of its own for a missing key or connection
        raise RunError(f"W&B did not take it: {str(error).strip().splitlines()[-1]}") from None
    print(board.url)


def dashboard(entity: str, project: str, name: str) -> Any:
    """The workspace: five sections of panels, for the pre-training runs."""
    wr: Any = import_module("wandb_workspaces.reports.v2")
    ws: Any = import_module("wandb_workspaces.workspaces")
    ex: Any = import_module("wandb_workspaces.expr")
    from contrastive_lab.run.wandb_run import STEP  # here, so that errors need not wait for torch

    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[ws.Section(name=title, panels=row, is_open=True) for title, row in panels(wr, STEP).items()],
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=100),
        runset_settings=ws.RunsetSettings(
            filters="JobType = 'pretrain'",
            groupby=[ex.Config("K.value"), ex.Config("alpha.value")],
            pinned_columns=[*(f"config:{key}" for key in COLUMNS), "summary:eval/linear_top1", "summary:knn_top1"],
        ),
    )


def panels(wr: Any, step: str) -> dict[str, list[Any]]:
    """The panels of each section, made by wandb_workspaces.reports.v2; `step` is the x axis of curves."""
    runs = "mean and range of the runs of a K and an alpha"  # W&B has no t interval
    last = wr.SummaryMetric
    spread = {"groupby_aggfunc": "mean", "groupby_rangefunc": "minmax"}

    def against_K(metric: str, title: str) -> Any:
        return wr.ScatterPlot(title=title, x=wr.Config("K"), y=last(metric), log_x=True)

    def training(title: str, *metrics: str, unit: str) -> Any:
        return wr.LinePlot(title=title, x=step, y=list(metrics), title_x="optimizer step", title_y=unit, **spread)

    return {
        "Accuracy against K": [
            against_K("eval/linear_top1", "linear top-1 against K (percent)"),
            against_K("knn_top1", "kNN top-1 against K (percent)"),
            wr.BarPlot(title=f"linear top-1, {runs}", metrics=["eval/linear_top1"], title_x="percent", **spread),
            training(f"kNN top-1, {runs}", "probe/knn_top1", unit="percent"),
        ],
        "Mutual information": [
            training("estimate log(1 + alpha) - loss", "train/mi_estimate", unit="nats"),
            against_K("mi_estimate", "estimate of the last epoch against K (nats)"),
        ],
        "Gradient norm": [
            training("gradient norm and its bound", "train/gradient_norm", "train/gradient_bound", unit="|dL/dq|")
        ],
        "Few negatives": [
            training("share of what all keys give", *(f"negatives/{name}" for name in FEW), unit="share")
        ],
        "Alignment and uniformity": [
            training("alignment", "train/alignment", unit="mean squared distance to the key"),
            training("uniformity", "train/uniformity", unit="log of the mean Gaussian potential"),
            wr.ScatterPlot(title="one against the other", x=last("train/alignment"), y=last("train/uniformity")),
        ],
        "Speed": [against_K("images_per_second", "images per second against K")],
    }


def main(line: Sequence[str]) -> int:
    """Run a line of `dashboard`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
