"""A half-finished sweep and its report, and a browser."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contrastive_lab.report import write_report
from tests.sweep_folder import Told, seeds, write_sweep

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver", "chromium.chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900")
PAPER = [
    {"label": "on ImageNet", "metric": "linear_top1", "dataset": "ImageNet", "x": [4, 16], "y": [67.5, 68.1]},
    {"label": "on ours", "metric": "linear_top1", "dataset": "Fashion-MNIST mini", "x": [4, 16], "y": [77.7, 79.9]},
    {"label": "other metric", "metric": "knn_top1", "dataset": "ImageNet", "x": [4], "y": [1.0]},
]
EXPERIMENT = {"title": "A <title> & more", "paper": "Nobody 2020", "x": "K", "hue": "alpha", "reference": PAPER}
HALF_DONE: list[Told] = [
    *seeds([80, 81, 82], K=4, alpha=None, method="simo"),
    *seeds([83, 84], K=4, alpha=256, method="simo"),
    *seeds([84], K=16, alpha=None, method="simo"),
    ({"K": 16, "alpha": None, "method": "simo", "seed": 1}, {"status": "failed", "error": "Traceback\nloss <is> nan"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 0}, {"status": "running"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 1}, None),
]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a half-finished sweep."""
    folder = write_sweep(tmp_path_factory.mktemp("sweeps") / "a b", HALF_DONE, experiment=EXPERIMENT)
    return write_report(folder)


def found(names: tuple[str, ...]) -> str:
    """The first of some programs that is installed; without one the test is skipped."""
    paths = [path for name in names if (path := shutil.which(name))]
    if not paths:
        pytest.skip(f"needs {names[0]}: apt-get install chromium chromium-driver")
    return paths[0]


@pytest.fixture(scope="module")
def browser() -> Iterator["Chrome"]:
    """Headless Chromium, driven by Selenium, both found on this machine or skipped."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = found(BROWSERS)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(found(DRIVERS)))
    yield chrome
    chrome.quit()


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
