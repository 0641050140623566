import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from contrastive_lab.errors import ConfigError
from contrastive_lab.report.run_curves import plot_run


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, in place of their files."""
    found: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **options: found.append(self))
    return found


@pytest.mark.parametrize(
    ("K", "alpha", "title"),
    [
        (4, 256.0, "simo on stl10: K = 4, alpha = 256 (one run, no band)"),
        (None, None, "simo on stl10 (one run, no band)"),
    ],  # no negatives, no K
)
def test_each_panel_holds_the_columns_of_its_unit(
    K: int | None, alpha: float | None, title: str, tmp_path: Path, figures: list[Figure]
) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,loss,knn_top1,other\n1,0,2.5,,7\n3,0,1.5,40,7\n")
    (tmp_path / "result.json").write_text(
        json.dumps({"status": "done", "method": "simo", "dataset": "stl10", "K": K, "alpha": alpha})
    )
    assert plot_run(tmp_path) == tmp_path / "curves.png"
    (figure,) = figures
    assert figure.get_suptitle() == title
    lines = {
        axes.get_ylabel(): {line.get_label(): line.get_xydata().tolist() for line in axes.lines} for axes in figure.axes
    }
    assert lines == {
        "nats": {"loss": [[1, 2.5], [3, 1.5]]},
        "percent": {"knn top1": [[3, 40]]},
        "cosine": {},
        "norm of dL/dq": {},
    }


@pytest.mark.parametrize("missing", ["metrics.csv", "result.json"])
def test_a_folder_without_a_run_is_answered_in_one_line(missing: str, tmp_path: Path) -> None:
    for name, text in (("metrics.csv", "step,loss\n1,2\n"), ("result.json", '{"status": "done", "K": 4}')):
        if name != missing:
            (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"^run=.*: no {missing} in it"):
        plot_run(tmp_path)
