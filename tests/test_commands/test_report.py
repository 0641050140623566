import shutil
from collections.abc import Callable
from functools import partial
from html import unescape
from pathlib import Path

import pytest

from tests.conftest import TINY, Line
from tests.sweep_folder import seeds, write_sweep

Script = Callable[..., Line]


@pytest.fixture
def script(type_script: Callable[..., Line]) -> Script:
    """Type `python scripts/report.py ...`."""
    return partial(type_script, "report")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "sweep=<folder of a sweep>: needed"),
        (("sweep=none",), "sweep=none: no such folder"),
        (("sweep={}", "x=k"), "x=k: no run of"),
        (("sweep={}", "x=K", "hue=K"), "hue=K: is the x axis"),
        (("sweep={}", "y=K"), "/s has it; measured there: linear_top1\n"),
        (("sweep={}", "z=K"), "z=K: takes sweep=<folder of a sweep>"),
        (("sweep={}", "sweep={}"), "each once"),
        (("sweep={}", "serve=yes"), "serve=yes: must be true or false"),
        (("sweep={}", "port=8000"), "port=8000: must be a number up to 65535, with serve=true"),
        (("sweep={}", "serve=true", "port=65536"), "port=65536: must be a number"),
        (("sweep=none", "serve=true"), "sweep=none: no such folder"),
    ],
)
def test_a_wrong_line_is_one_clear_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path, script: Script
) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([81], K=8)])
    code, out, err = script(*(argument.format(folder) for argument in arguments))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (folder / "report").exists()


def test_the_page_tells_the_line_that_makes_it(tmp_path: Path, script: Script) -> None:
    folder = write_sweep(tmp_path / "a b", [*seeds([80], K=4, tau=0.1), *seeds([81], K=8, tau=0.2)])
    assert script(f"sweep={folder}", "x=tau", "hue=K")[0] == 0
    again = f"python scripts/report.py 'sweep={folder}' x=tau hue=K"
    assert again in unescape((folder / "report" / "report.html").read_text())


@pytest.mark.long
def test_a_folder_of_runs_will_do_and_the_theory_s_are_no_runs(
    tmp_path: Path, script: Script, trained: Callable[..., str]
) -> None:
    trained(*TINY, "evaluation.epochs=1")
    theory = tmp_path / "outputs" / "theory" / "coupon" / ".hydra"
    theory.mkdir(parents=True)
    (theory / "config.yaml").write_text("theory:\n  name: coupon\n")
    mine = tmp_path / "outputs" / "report" / "figures" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("a picture of the user's own")
    old = mine.with_name("online_top1.svg")
    old.write_text("of an earlier report")
    code, out, err = script("sweep=outputs")
    assert (code, out) == (0, "outputs/report/report.html\n"), err
    assert mine.exists() and not old.exists()
    shutil.rmtree(tmp_path / "outputs" / "simo")
    code, _, err = script("sweep=outputs")
    assert (code, err) == (2, "error: sweep=outputs: neither a sweep.json in it nor the folder of a run\n")


def test_the_script_says_where_the_report_is(tmp_path: Path, script: Script) -> None:
    folder = write_sweep(tmp_path / "s", [({"K": 4}, None), ({"K": 8}, None)])
    assert script(f"sweep={folder}", "x=K") == (0, f"{folder}/report/report.html\n", "")


def test_the_script_serves_until_it_is_interrupted(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("contrastive_lab.report.serve.time.sleep", interrupted)
    folder = write_sweep(tmp_path / "s", [({"K": 4}, None), ({"K": 8}, None)])
    code, out, err = script(f"sweep={folder}", "serve=true")
    assert (code, err) == (130, "interrupted\n")
    first, second, *_ = out.splitlines()
    assert first == "writing the report of 2 runs" and second.startswith("http://127.0.0.1:")
    assert (folder / "report" / "report.html").is_file()
