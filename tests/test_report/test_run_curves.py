import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from contrastive_lab.errors import ConfigError
from contrastive_lab.report.run_curves import plot_runs


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
    assert plot_runs([tmp_path], tmp_path / "curves.png") == tmp_path / "curves.png"
    (figure,) = figures
    assert figure.get_suptitle().replace("\xa0", " ") == title
    assert lines(figure) == {"nats": {"loss": [[1, 2.5], [3, 1.5]]}, "percent": {"kNN top-1": [[3, 40]]}}


def lines(figure: Figure) -> dict[str, dict[str, list[list[float]]]]:
    """The lines of each panel by name."""
    return {
        axes.get_ylabel(): {str(line.get_label()): line.get_xydata().tolist() for line in axes.lines}
        for axes in figure.axes
        if axes.get_visible()
    }


def write(folder: Path, metrics: str, **result: object) -> Path:
    folder.mkdir()
    (folder / "metrics.csv").write_text(metrics)
    told = {"status": "done", "method": "simo", "dataset": "stl10", "seed": 0, **result}
    (folder / "result.json").write_text(json.dumps(told))
    return folder


def test_several_runs_lie_upon_each_other_named_by_what_differs(tmp_path: Path, figures: list[Figure]) -> None:
    one = write(tmp_path / "a", "step,loss,mi_estimate\n1,2,3\n", K=4, alpha="inf", tau=0.1)
    other = write(tmp_path / "b", "step,loss\n1,5\n2,4\n", method="swav", tau=0.1)
    plot_runs([one, other], tmp_path / "x.png")
    (figure,) = figures
    (axes,) = figure.axes
    loss, estimate, swav = axes.lines
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 2]], [[1, 3]], [[1, 5], [2, 4]]]
    assert loss.get_color() == estimate.get_color() != swav.get_color()
    assert loss.get_linestyle() == swav.get_linestyle() != estimate.get_linestyle()
    (legend,) = figure.legends
    assert [text.get_text().replace("\xa0", " ") for text in legend.get_texts()] == [
        "method = simo, K = 4, alpha = inf",
        "method = swav",
    ]
    plot_runs([one, one / ".." / "a"], tmp_path / "x.png")  # which share all that they were told
    assert figures[1].legends[0].get_texts()[0].get_text().endswith("/a")


def test_panels_are_of_the_columns_asked_for(tmp_path: Path, figures: list[Figure]) -> None:
    run = write(tmp_path / "a", "step,loss,dispersion,lr\n1,2,3,4\n")
    plot_runs([run], tmp_path / "x.png", ["lr", "dispersion", "loss"])
    assert list(lines(figures[0]).values()) == [
        {"lr": [[1, 4]]},
        {"dispersion of exp(cos / tau)": [[1, 3]]},
        {"loss": [[1, 2]]},
    ]
    with pytest.raises(ConfigError, match=r"^panels=nope: not logged; choose of loss, dispersion, lr$"):
        plot_runs([run], tmp_path / "x.png", ["loss", "nope"])


@pytest.mark.parametrize("missing", ["metrics.csv", "result.json"])
def test_a_folder_without_a_run_is_answered_in_one_line(missing: str, tmp_path: Path) -> None:
    for name, text in (("metrics.csv", "step,loss\n1,2\n"), ("result.json", '{"status": "done", "K": 4}')):
        if name != missing:
            (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"^run=.*: no {missing} in it"):
        plot_runs([tmp_path], tmp_path / "curves.png")
