"""The command `theory`: its files and its errors."""

import csv
import json
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from contrastive_lab.commands import theory
from contrastive_lab.config.help import options_help
from tests.conftest import Line

Type = Callable[..., Line]


def enter() -> int:
    try:
        return theory.main(sys.argv)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def typed(entered: Type) -> Type:
    """Type `python scripts/theory.py ...` in tmp_path, in this process."""
    return partial(entered, "theory.py", enter)


def test_help_has_the_settings_of_the_programs(typed: Type) -> None:
    assert typed("--help").out.endswith(options_help("theory") + "\n")


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
        ([], "error: theory=<name>: needed; one of bounds, competition"),
        (["theory=cupon"], "error: theory=cupon: no such option; did you mean coupon?"),
        (["theory=coupon", "theory.klasses=3"], "error: theory.klasses: no such key; did you mean theory.classes?"),
        (["theory=bounds", "run=nowhere"], "nowhere"),
        (["theory=spiked_covariance", "theory.part=x"], "error: theory.part=x: choose one of n"),
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
