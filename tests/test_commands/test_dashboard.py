import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.commands import dashboard
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.loggers import grouped
from contrastive_lab.run.wandb_run import STEP
from tests.conftest import Line
from tests.sweep_folder import AT_EPOCHS, LOGGED

Type = Callable[..., Line]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of wandb-workspaces, when it is imported
def test_the_dashboard_has_every_panel_over_the_right_keys(tmp_path: Path) -> None:
    if not find_spec("wandb_workspaces"):
        pytest.skip("needs wandb-workspaces")
    dashboard.task({"entity": "me", "project": "mine", "spec": str(tmp_path / "board.json")})
    board = json.loads((tmp_path / "board.json").read_text())
    assert (board["entity"], board["project"], board["displayName"]) == ("me", "mine", "negatives")
    section = board["spec"]["section"]
    panels = {
        part["name"]: [panel["config"] for panel in part["panels"]] for part in section["panelBankConfig"]["sections"]
    }
    assert list(panels) == [
        "Accuracy against K", "Mutual information", "Gradient norm", "Few negatives", "Alignment and uniformity",
        "Speed",
    ]  # fmt: skip
    accuracy = panels["Accuracy against K"][0]
    assert (accuracy["xAxis"], accuracy["yAxis"], accuracy["xAxisLogScale"]) == (
        "config:K.value", "summary:eval/linear_top1", True,
    )  # fmt: skip
    over_steps = [panel for row in panels.values() for panel in row if panel.get("xAxis") == STEP]
    assert {name for panel in over_steps for name in panel["metrics"]} == {
        "probe/knn_top1", "train/mi_estimate", "train/gradient_norm", "train/gradient_bound", "train/alignment",
        "train/uniformity", "negatives/competition", "negatives/factor", "negatives/agreement",
    }  # fmt: skip
    spread = [panel for row in panels.values() for panel in row if "groupArea" in panel]
    assert {panel["groupArea"] for panel in spread} == {"minmax"} and len(spread) == 7  # no standard errors
    (runs,) = section["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["K.value", "alpha.value"]
    ours = {name for name in (*LOGGED, *AT_EPOCHS) if name != "loss_epoch"}
    shown = {name for panel in over_steps for name in panel["metrics"]}
    assert shown <= {grouped(name) for name in ours}  # as they are logged
    assert [(f["key"]["name"], f["op"], f["value"]) for f in runs["filters"]["filters"]] == [
        ("jobType", "=", "pretrain")
    ]
    assert list(runs["runFeed"]["columnPinned"]) == [
        "run:displayName", "config:K.value", "config:alpha.value", "config:loss.value.name", "config:sets.value",
        "config:remember.value", "summary:eval/linear_top1", "summary:knn_top1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [([], "entity=<you or your team>: needed"), (["entity=me", "projekt=x"], "projekt=x: takes entity=<you or")],
)
def test_a_wrong_line_of_the_dashboard_is_one_clear_error(
    type_script: Type, arguments: list[str], problem: str
) -> None:
    done = type_script("dashboard", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_without_the_extra_the_dashboard_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(dashboard, "import_module", missing)
    with pytest.raises(ConfigError, match=r"wandb_workspaces\S* is not installed; pip install wandb-workspaces"):
        dashboard.task({"entity": "me"})
