import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import CONF, options
from contrastive_lab.config.grids import grids
from contrastive_lab.config.identity import config_hash
from contrastive_lab.launch import experiment
from contrastive_lab.launch.experiment import Part, expand, load
from contrastive_lab.launch.preflight import multirun
from tests.conftest import ROOT

Compose = Callable[..., DictConfig]
SCALES = ("paper", "cifar", "laptop")
EQCO = ["fig1", "fig2", "fig3_moco", "fig3_moco_v2", "fig3_simclr", "fig4", "remark2", "table1", "table2", "table3"]
EQCO += ["table4", "table6", "table7", "table8", "table9", "tau"]
EXPECTED = {
    *(f"eqco/{name}" for name in EQCO),
    *(f"simclr/{name}" for name in ("augmentation", "batch_size", "head")),
    "swav/batch_size",
    "swav/cifar10",
    *(f"coupon/{name}" for name in ("ag_news", "cifar10", "cifar100")),
}
OURS = {f"compare/{name}" for name in ("cifar10", "cifar100")}  # of no paper: no scale of a paper, hours for a laptop
OURS |= {f"negatives/{name}" for name in ("ag_news", "batch_size", "causes", "cifar100", "collisions", "epochs")}
OURS |= {f"negatives/{name}" for name in ("learning_rates", "methods", "remember", "same_rate", "small_batches", "tau")}
NAMES = sorted(EXPECTED | OURS)
EVERY_ONE = pytest.mark.parametrize("name", NAMES)
EVERY_SCALE = pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in NAMES for scale in SCALES[name in OURS :]]
)


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


def axes(name: str, scale: str) -> dict[str, list[Any]]:
    """Keys that an experiment sweeps, with their values."""
    return {key: values for grid in grids(load(name), scale) for key, values in grid.axes.items() if len(values) > 1}


def size(name: str, scale: str) -> int:
    """Jobs of the cartesian products, counted from the yaml alone."""
    return sum(math.prod(map(len, grid.axes.values())) for grid in grids(load(name), scale))


def jobs(name: str, scale: str, images: Path) -> list[list[str]]:
    """The jobs as the command line makes them; ImageNet's folder stands where `images` is."""
    parts = expand([f"experiment={name}", f"scale={scale}"])
    found = [job for part in parts for job in multirun(part.overrides)]
    root = [f"dataset.root={images}"]
    return [job + (root if scale == "paper" and not any("dataset=" in o for o in job) else []) for job in found]


def test_an_experiment_becomes_overrides_and_the_users_own_come_first(fig: None) -> None:
    told = ["experiment=a/fig", "K=2", "seed=0"]
    added = [*told, "tau=0.3", "head.dim=16", "backbone.widths=[8,16]", "alpha=null,256"]
    assert experiment.expand(told) == [Part(None, added)]
    assert experiment.expand(["experiment=a/fig", "scale=paper"])[0].overrides[-1] == "K=16"
    assert experiment.expand(["K=2"]) == [Part(None, ["K=2"])]


def test_a_list_of_grids_is_a_part_for_each_with_its_own_settings(fig: None) -> None:
    told = ["experiment=eqco/fig1", "K=2"]
    assert experiment.expand(told) == [
        Part("InfoNCE", [*told, "tau=0.3", "alpha=null", "seed=0,1"]),
        Part("tied", [*told, "tau=0.5", "alpha=256", "base_lr=0.3", "seed=0"]),
        Part("tied", [*told, "tau=0.5", "alpha=256", "base_lr=0.3", "seed=1"]),
    ]
    assert experiment.constant(told) == set()  # nothing is the same in all of them


def test_every_experiment_of_the_list_is_there() -> None:
    assert set(options("experiment")) == EXPECTED | OURS


@EVERY_ONE
def test_fields_have_their_types(name: str) -> None:
    node = load(name)
    assert set(node) - {"draws", "margin", "comparisons", "detect"} == {
        "title",
        "paper",
        "x",
        "hue",
        "y",
        "curves",
        "set",
        "grid",
        "time",
        "reference",
    }
    assert all(isinstance(node[key], str) and node[key] for key in ("title", "paper", "x"))
    assert node["hue"] is None or isinstance(node["hue"], str)
    assert node["y"] in {"linear_top1", "mean_top1", "mi_estimate"}
    assert set(node["curves"]) <= {"mi_estimate", "gradient_norm", "gradient_bound"}
    assert set(node["grid"]) == set(node["time"]) == set(SCALES[name in OURS :])
    for grid in (grid for scale in node["grid"] for grid in grids(node, scale)):
        assert all(isinstance(values, list) and values for values in grid.axes.values())
        assert not set(node["set"]) & {key for key, values in grid.axes.items() if len(values) > 1}


@EVERY_ONE
def test_numbers_of_the_paper_are_pairs_with_a_source(name: str) -> None:
    for entry in load(name)["reference"]:
        assert set(entry) == {"label", "metric", "dataset", "x", "y", "source"}
        assert len(entry["x"]) == len(entry["y"]) > 0
        assert all(0 < y < 100 for y in entry["y"])
        assert all(isinstance(entry[key], str) and entry[key] for key in ("label", "dataset", "source"))
        assert entry["metric"] in {"linear_top1", "knn_top1", "mean_top1", "online_top1"}


@EVERY_SCALE
def test_a_comparison_is_of_two_settings_that_the_experiment_runs(name: str, scale: str) -> None:
    found = [grid.axes | {"arm": [grid.arm]} for grid in grids(load(name), scale)]
    for entry in load(name).get("comparisons", []):
        assert set(entry) == {"name", "setting", "less"}
        for chosen in (entry["setting"], entry["less"]):
            runs = [axes for axes in found if all(value in axes.get(key, []) for key, value in chosen.items())]
            assert runs
            unnamed = [
                [axes[key] for key in axes if key not in (*chosen, "seed") and len(axes[key]) > 1] for axes in runs
            ]
            assert not any(unnamed)  # what it does not name has one value


@EVERY_ONE
def test_the_command_in_the_comment_names_the_file(name: str) -> None:
    head, command, *_ = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert head == "# @package experiment"
    assert command.split()[:6] == ["#", "python", "train.py", "-m", f"experiment={name}", "scale=laptop"]


@EVERY_SCALE
def test_the_axis_is_swept_and_two_lines_are_not_one(name: str, scale: str) -> None:
    node, swept = load(name), axes(name, scale)
    assert node["x"] in swept or node["x"] == "arm"
    assert all(len({repr(value) for value in values}) == len(values) for values in swept.values())
    if node["hue"] is not None and name not in ("eqco/table8", "coupon/ag_news"):  # lines differ from scale to scale
        assert node["hue"] in swept or len({grid.arm for grid in grids(node, scale)}) > 1


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_laptop_has_error_bars_and_fits_half_an_hour(name: str) -> None:
    assert all(len(grid.axes["seed"]) >= 2 for grid in grids(load(name), "laptop"))
    assert size(name, "laptop") <= 30
    minutes = re.search(r"(\d+) minutes on two cores", load(name)["time"]["laptop"])
    assert minutes is not None and int(minutes[1]) <= 30
    assert int(minutes[1]) <= size(name, "laptop")  # a job takes a minute at most


@EVERY_SCALE
def test_times_are_told_for_the_jobs_there_are_and_marked_as_measured_or_estimates(
    name: str, scale: str, tmp_path: Path
) -> None:
    told = load(name)["time"][scale]
    assert told.startswith(f"{size(name, scale)} jobs, ")
    assert re.search(r"\((estimate|measured): ", told)
    assert len(jobs(name, scale, tmp_path)) == size(name, scale)


@EVERY_ONE
def test_the_first_and_the_last_job_at_laptop_scale_can_run(name: str, compose: Compose, tmp_path: Path) -> None:
    found = jobs(name, "laptop", tmp_path)
    for job in (found[0], found[-1]):
        compose(*(o for o in job if not o.startswith("experiment=")))  # groups that many share are quick to compose


def test_the_experiment_itself_is_part_of_the_configuration(compose: Compose) -> None:
    config = compose("experiment=eqco/table8", "method=simo")
    assert config.experiment.title == load("eqco/table8")["title"]
    assert config.experiment.grid.cifar["backbone.width"] == [1, 2]
    assert config_hash(config) == config_hash(compose("method=simo"))


@pytest.mark.long
@EVERY_SCALE
def test_every_job_of_every_experiment_can_run(name: str, scale: str, compose: Compose, tmp_path: Path) -> None:
    one_seed = {tuple(o for o in job if not o.startswith("seed=")): job for job in jobs(name, scale, tmp_path)}
    configs = [compose(*job) for job in one_seed.values()]
    for config in configs:
        OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert len({config_hash(config) for config in configs}) == len(configs)


# From the papers' tables, typed a second time: x to y, by experiment and label.
PAPERS: dict[tuple[str, str], dict[Any, float]] = {
    ("negatives/small_batches", "InfoNCE"): {32: 78.3, 64: 81.47, 128: 83.09, 256: 83.26},
    ("negatives/small_batches", "DCL"): {32: 84.6, 64: 85.57, 128: 85.63, 256: 85.36},
    ("eqco/fig3_moco", "MoCo v1 (alpha = K)"): {256: 54.7, 65536: 60.6},
    ("eqco/fig3_simclr", "SimCLR, alpha = 256"): {255: 62.0},
    ("eqco/fig3_simclr", "SimCLR, alpha = 4096"): {255: 65.3},
    ("eqco/fig4", "SiMo, alpha = 256"): {16: 68.1, 255: 68.0},
    ("eqco/table1", "MoCo v2, K = 65536"): {256: 67.5, 512: 67.5, 1024: 67.4},
    ("eqco/table2", "800 epochs; SiMo alpha = 65536"): {"simo": 72.1},
    ("eqco/table3", "SiMo"): {256: 68.0, 1024: 68.1, 4096: 68.1, 16384: 68.4, 65536: 68.5},
    ("eqco/table4", "MoCo v2"): {256: 67.0, 1024: 67.1, 4096: 67.6, 16384: 67.3, 65536: 67.5},
    ("eqco/table6", "SiMo, 100 epochs"): {0: 62.1, 0.999: 64.4},
    ("eqco/table7", "SiMo, 100 epochs"): {"shuffle": 58.8, "sync": 64.4},
    ("eqco/table8", "ResNet-50 (2x)"): {256: 70.2, 65536: 70.5},
    ("eqco/table8", "ResNet-50 (4x)"): {256: 71.9, 65536: 72.3},
    ("swav/batch_size", "SwAV, 200 epochs, multi-crop"): {256: 72.7, 4096: 73.9},
    ("coupon/cifar10", "mean classifier on z"): {32: 72.75, 64: 75.3, 128: 77.22, 256: 78.6, 512: 80.12},
    ("coupon/cifar10", "linear classifier on h"): {32: 82.02, 128: 85.43, 256: 86.68, 512: 87.66},
    ("coupon/cifar100", "linear classifier on h"): {128: 57.92, 256: 58.91, 512: 59.3, 1024: 59.46},
    ("coupon/ag_news", "mean classifier on z"): {16: 87.09, 32: 88.41, 64: 89.12, 128: 89.38, 256: 89.47, 512: 89.54},
}


@pytest.mark.parametrize(("name", "label"), PAPERS, ids=str)
def test_numbers_are_those_of_the_papers(name: str, label: str) -> None:
    (entry,) = [entry for entry in load(name)["reference"] if entry["label"] == label]
    assert dict(zip(entry["x"], entry["y"], strict=True)) == PAPERS[name, label]


def test_papers_points_lie_on_the_grid_of_the_papers_own_scale() -> None:
    """A paper's point where we sweep none would be set beside nothing."""
    for name in EXPECTED - {"eqco/table2"}:
        node = load(name)
        for entry in node["reference"]:
            assert set(entry["x"]) <= set(node["grid"]["paper"][node["x"]]), name


def test_the_docs_tell_of_every_experiment_and_its_jobs() -> None:
    rows = re.findall(r"^\| `([\w/]+)` \|(.*)\|$", (ROOT / "docs" / "experiments.md").read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == names_in_order()
    for name, rest in rows:
        *_, laptop, cifar, paper = (cell.strip() for cell in rest.split("|"))
        for scale, cell in (("laptop", laptop), ("cifar", cifar), ("paper", paper)):
            if name in OURS and scale == "paper":
                assert cell == "-"
                continue
            count, time = cell.split(": ")
            assert int(count) == size(name, scale)
            told = re.match(r"\d+ jobs, (?:at most )?(\d+ \w+)", load(name)["time"][scale])
            assert told is not None
            assert time.removeprefix("≤ ") == told[1].replace("minutes", "min").replace("hours", "h"), (name, scale)


def names_in_order() -> list[str]:
    """Experiments by folder, EqCo's first."""
    order = ["negatives", "compare", "eqco", "simclr", "swav", "coupon"]
    return sorted(options("experiment"), key=lambda name: (order.index(name.split("/")[0]), name))
