"""The command `curves`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Line
from tests.sweep_folder import write_run

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "run=<folders of runs>: needed"),
        (("run=nowhere",), "run=nowhere: no metrics.csv in it"),
        (("run=x", "out=x.jpg"), "out=x.jpg: must be a file that ends in .png, .pdf, .svg"),
        (("run=x", "out=no/x.png"), "out=no/x.png: must be a file that ends in .png, .pdf, .svg, in a folder that is"),
        (("run=x", "K=3"), "K=3: takes run=<folders of runs>, panels=<columns> and out=<file>, each once"),
    ],
)
def test_a_wrong_line_is_one_clear_error(
    arguments: tuple[str, ...], problem: str, type_script: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = type_script("curves", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_it_says_where_the_figure_is(tmp_path: Path, type_script: Type) -> None:
    write_run(tmp_path / "run", {"K": 4, "alpha": 256})
    assert type_script("curves", f"run={tmp_path / 'run'}") == (0, f"{tmp_path}/run/curves.png\n", "")
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000


def test_folders_of_jobs_have_commas_in_their_names(
    tmp_path: Path, type_script: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("K=4", "K=4,seed=1", "swav"):
        write_run(tmp_path / name, {"K": 4, "method": name})
    monkeypatch.chdir(tmp_path)
    told: list[list[Path]] = []
    monkeypatch.setattr("contrastive_lab.report.run_curves.plot_runs", lambda runs, out, _: told.append(runs) or out)
    for line in ("run=K=4,seed=1,K=4,swav", "run=swav,K=4", "run=K=4,seed=1"):
        assert type_script("curves", line).code == 0
    both = [Path("K=4,seed=1"), Path("K=4"), Path("swav")]
    assert told == [both, [Path("swav"), Path("K=4")], [Path("K=4,seed=1")]]


def test_runs_of_different_methods_are_drawn_in_the_kind_of_file_that_is_asked_for(
    tmp_path: Path, type_script: Type
) -> None:
    runs = [tmp_path / "simo", tmp_path / "swav"]
    for run in runs:
        write_run(run, {"method": run.name})
    line = type_script("curves", f"run={','.join(map(str, runs))}", "panels=mi_estimate", f"out={tmp_path / 'x.pdf'}")
    assert line == (0, f"{tmp_path / 'x.pdf'}\n", "")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
