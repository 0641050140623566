"""What tests share: tiny data, the real command line, and a handful of processes."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.commands import train
from contrastive_lab.config import FURTHER
from contrastive_lab.config.overrides import composed
from contrastive_lab.config.plugins import ALLOWED
from contrastive_lab.config.schema import register
from contrastive_lab.dataset import Arrays, Splits
from contrastive_lab.launch.own_code import in_force
from tests.small_texts import write_news

ROOT = Path(__file__).parents[1]
MY_LAB = ROOT / "examples" / "my_lab"
OWN = (f"hydra.searchpath=[file://{MY_LAB}/conf]", "plugins=[my_lab]")  # the words for the example of code from outside
# One small run: 5 steps of 64 images, a narrow net, no progress bar.
TINY = (
    "K=5",
    "backbone.widths=[8,16]",
    "head.dim=16",
    "batch_size=64",
    "trainer.limit_train_batches=5",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "epochs=1",
    "evaluation.epochs=2",
)


def settled(*words: str) -> list[str]:
    """A line whose later words stand in place of earlier ones with their key, as of TINY; the command takes no two."""
    last = {word.partition("=")[0].lstrip("+") if "=" in word else word: word for word in words}
    return [*last.values()]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors are quicker on one thread, and results are equal only at equal thread counts."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is remembered of files that were looked through is no user's."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def _hydra() -> None:
    register()
    OmegaConf.register_new_resolver("new_folder", lambda parent: parent, replace=True)


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's line has in force is not the next one's."""
    for name in (FURTHER, ALLOWED, "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get("PYTHONPATH", "") if name == "PYTHONPATH" else "")


@pytest.fixture
def compose() -> Callable[..., DictConfig]:
    """Compose and check a configuration from overrides, as the command line does."""
    return lambda *overrides: composed(in_force(None, list(overrides)))


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """A folder with 64 training and 24 test texts."""
    return write_news(tmp_path)


@pytest.fixture
def splits() -> Splits:
    """120 random colour images of 3 classes to learn from, 30 to test on."""
    source = np.random.default_rng(0)

    def arrays(n: int) -> Arrays:
        return Arrays(source.integers(0, 256, (n, 12, 12, 3), dtype=np.uint8), np.arange(n, dtype=np.int64) % 3)

    train = arrays(120)
    return Splits(train, train, arrays(30))


def command(*arguments: str, cwd: Path, timeout: float = 240, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run train.py, or the script that `arguments` start with, as a user would, on one thread."""
    script = arguments[0] if arguments and arguments[0].endswith(".py") else "train.py"
    rest = arguments[1:] if script == arguments[0] else arguments
    inherited = {name: value for name, value in os.environ.items() if "WANDB" not in name}  # W&B's own process here
    environ = {**inherited, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "0", **environ}
    line = [sys.executable, str(ROOT / script), *settled(*rest)]
    return subprocess.run(
        line,
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Line(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Line]:
    """Enter a script of Hydra's with a command line in a folder (default: tmp_path), in this process."""

    def run(script: str, enter: Callable[[], int], *arguments: str, cwd: Path = tmp_path) -> Line:
        cwd.mkdir(exist_ok=True)
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        GlobalHydra.instance().clear()
        try:
            code = enter()
        finally:
            GlobalHydra.instance().clear()
            OmegaConf.register_new_resolver("new_folder", lambda parent: parent, replace=True)
        return Line(code, *capsys.readouterr())

    return run


@pytest.fixture
def line(entered: Callable[..., Line]) -> Callable[..., Line]:
    """Type `python train.py ...` in this process, `settled`: no seconds of importing torch."""
    typed = partial(entered, "train.py", lambda: train.main(sys.argv))
    return lambda *words, **options: typed(*settled(*words), **options)


@pytest.fixture
def type_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Line]:
    """Type `python scripts/<name>.py ...`, in this process."""

    def run(name: str, *arguments: str) -> Line:
        path = ROOT / "scripts" / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [path.name, *arguments])
        monkeypatch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name="__main__")
        return Line(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def trained(line: Callable[..., Line]) -> Callable[..., str]:
    """The same, for a line that must go well; returns what it printed."""

    def run(*arguments: str, **options: Path) -> str:
        done = line(*arguments, **options)
        assert done.code == 0, done.err
        return done.out

    return run


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep's report takes seconds; here it is only said where it would be."""
    monkeypatch.setattr("contrastive_lab.report.write_report", lambda folder: folder / "report" / "report.html")


def only_run(cwd: Path) -> Path:
    """The folder of the one run under `cwd`."""
    (folder,) = (path.parent for path in (cwd / "outputs").rglob("result.json"))
    return folder
