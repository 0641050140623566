import csv
import json
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from contrastive_lab.analysis.result import AnalysisResult, text
from contrastive_lab.launch import command_line
from scripts import theory
from tests.conftest import ROOT, Line

Type = Callable[..., Line]
PAPERS = {
    "bounds": "Arora et al. 2019",
    "coupon": "Nozawa & Sato 2021",
    "gaussian_mi": "Zhu et al. 2020",
    "gradient_norm": "Zhu et al. 2020",
    "spiked_covariance": "Ji et al. 2021",
}


def enter() -> int:
    try:
        return command_line.theory_line(theory.main, sys.argv, theory.__doc__)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def typed(entered: Type) -> Type:
    """Type `python scripts/theory.py ...` in tmp_path, in this process."""
    return partial(entered, "theory.py", enter)


def test_an_experiment_leaves_table_figures_and_result(typed: Type, tmp_path: Path) -> None:
    done = typed("theory=coupon", "theory.K=32")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "outputs" / "theory" / "coupon").iterdir()
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 3
    assert (folder / "figure.png").stat().st_size > 10_000
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert isinstance(json.loads((folder / "result.json").read_text()), dict)
    assert all(name in done.out for name in rows[0]) and str(folder.relative_to(tmp_path)) in done.out


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ([], "error: theory=<name>: needed; one of bounds, coupon"),
        (["theory=cupon"], "error: theory=cupon: no such option; did you mean coupon?"),
        (["theory=coupon", "theory.klasses=3"], "error: theory.klasses: no such key; did you mean theory.classes?"),
        (["theory=bounds", "run=nowhere"], "nowhere"),
        (["theory=spiked_covariance", "theory.part=x"], "error: theory.part=x: must be one of n"),
        (
            ["theory=bounds", "theory.classes=[10.5]"],
            "theory.classes=[10.5]: must be a list of whole numbers, e.g. [10,",
        ),
        (["theory=coupon", "K=3"], "error: K: no such key; did you mean theory.K?"),
    ],
)
def test_a_wrong_line_is_one_line_of_error(told: list[str], problem: str, typed: Type, tmp_path: Path) -> None:
    done = typed(*told)
    assert not list(tmp_path.glob("outputs/theory/*/*"))
    assert done.code == 2
    assert problem in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_run_that_cannot_be_read_is_one_line_of_error(typed: Type, tmp_path: Path) -> None:
    for name in (".hydra/config.yaml", "checkpoints/last.ckpt"):
        (tmp_path / "run" / name).parent.mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text("a: [")
    with zipfile.ZipFile(tmp_path / "run" / "checkpoints" / "last.ckpt", "w") as file:
        file.writestr("x", "")
    done = typed("theory=bounds", "run=run")
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    assert done.err.startswith("error: run/.hydra/config.yaml: cannot be read")
    assert not list(tmp_path.glob("outputs/theory/*/*"))


def test_every_yaml_names_its_command_and_paper_and_has_a_module_and_a_test() -> None:
    paths = list((ROOT / "conf" / "theory").glob("*.yaml"))
    assert {path.stem for path in paths} >= {"bounds", "coupon", "gaussian_mi", "gradient_norm", "spiked_covariance"}
    for path in paths:
        comment = path.read_text().split("_target_")[0]
        assert f"python scripts/theory.py theory={path.stem}" in comment
        assert PAPERS[path.stem] in comment
        assert (ROOT / "contrastive_lab" / "theory" / "experiment" / f"{path.stem}.py").is_file()
        assert (ROOT / "tests" / f"test_theory_{path.stem}.py").is_file()


def test_a_printed_table_is_aligned_and_short() -> None:
    rows = [{"K": 4, "value": 0.123456, "note": None}, {"K": 65536, "value": 12345.6, "note": "exact"}]
    lines = str(AnalysisResult(rows, Figure(), {"least_draws": 7.0})).splitlines()
    assert lines[0].split() == ["K", "value", "note"]
    assert lines[1].split() == ["4", "0.1235"]
    assert lines[2].split() == ["65,536", "12,346", "exact"]
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[-1] == "least draws: 7"
    assert text(1.5e-22) == "1.5e-22"
