"""What a line of `detect` comes to."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch import detect
from contrastive_lab.launch.detect import check_detect, of_detect, read_asked, read_experiment
from contrastive_lab.launch.experiment import Part, load
from contrastive_lab.launch.script import run_folder, stored_folder
from contrastive_lab.launch.sources import Source
from tests.conftest import ROOT, TINY

Compose = Callable[..., DictConfig]
RUN = Path("outputs/simo/x")


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, compose: Compose) -> Callable[..., None]:
    """Stored runs with some settings, as told by what they vary in."""

    def store(*settings: Sequence[str]) -> None:
        config = compose(*TINY, "seed=3")
        monkeypatch.setattr(detect, "stored_config", lambda folder: config)
        monkeypatch.setattr(detect, "check_data", lambda folder, keys: None)
        found = [Source(RUN / str(i) if len(settings) > 1 else RUN, [*told]) for i, told in enumerate(settings)]
        monkeypatch.setattr(detect, "sources", lambda own: found)

    store([])
    return store


def test_a_run_gives_its_backbone_and_seed(stored: object) -> None:
    asked = read_asked(["detect", f"run={RUN}", "data.images=100"])
    told = ["start=run", "backbone.widths=[8,16]", "seed=3", f"weights={RUN}"]
    assert asked == (["detect", "data.images=100", *told], [])
    asked = read_asked(["detect", f"run={RUN}", "seed=5", "start=random"])
    assert asked.line == ["detect", "seed=5", "start=random", "backbone.widths=[8,16]"]


def test_a_sweep_tells_what_its_runs_were_told(stored: Callable[..., None]) -> None:
    stored(["K=4"], ["K=16"])
    asked = read_asked(["detect", "sweep=x", "start=run,random"])
    assert asked.line[:2] == ["detect", "-m"] and asked.line[-1].startswith("sweep=detect-")
    random = ["start=random", "backbone.widths=[8,16]", "seed=3"]
    run = ["start=run", *random[1:]]
    assert asked.grids(["a=1"]) == [
        Part(None, ["a=1", *run, f"weights={RUN}/0"], ("K=4", "start=run")),
        Part(None, ["a=1", *random], ("start=random",)),
        Part(None, ["a=1", *run, f"weights={RUN}/1"], ("K=16", "start=run")),
        Part(None, ["a=1", *random], ("start=random",)),
    ]
    stored(["arm=SiMo"])
    assert read_asked(["detect", "sweep=x", "start=run,random"]).parts[1].start == ("arm=random", "start=random")


def test_no_run_is_needed_from_scratch_or_from_a_library() -> None:
    assert read_asked(["detect", "start=random"]).line == ["detect", "start=random"]
    line = read_asked(["detect", "start=supervised", "backbone=resnet18"]).line
    assert line == ["detect", "backbone=resnet18", "start=supervised", "backbone.pretrained=true"]
    assert read_asked(["detect", "resume=x"]) == (["detect", "resume=x"], [])
    for line, told in (
        (["detect"], "run=<folder of a run> or start=random: needed; start is run, random or supervised"),
        (["detect", "start=x"], "start=x: no such start"),
        (["detect", "start=run"], "run=<folder of a run>, or sweep=<folder of a sweep>: needed, one of the two"),
        (["detect", "run=nowhere"], "run=nowhere: not the folder of a run"),
    ):
        with pytest.raises(ConfigError, match="^" + told.replace(".", r"\.")):
            read_asked(line)


def test_an_experiment_pre_trains_and_then_detects() -> None:
    """A detector has the seed of its run."""
    line = ["detect", "experiment=eqco/table9", "scale=laptop", "data.images=100", "data_dir=/data", "seed=0,1"]
    found = read_experiment(line)
    assert found is not None
    assert found.train == ["train", "-m", "experiment=eqco/table9", "scale=laptop", "data_dir=/data", "seed=0,1"]
    sweep = "sweep=outputs/sweeps/eqco_table9-laptop"
    assert found.detect == ["detect", sweep, "start=run,random", "scale=laptop", "data.images=100", "data_dir=/data"]
    assert (found.node["y"], found.node["x"], "grid" in found.node) == ("AP", "arm", False)
    assert read_experiment(["detect", "run=x"]) is None


def test_an_experiment_of_the_users_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "experiment" / "eqco").mkdir(parents=True)
    text = (ROOT / "conf" / "experiment" / "eqco" / "table9.yaml").read_text()
    (tmp_path / "experiment" / "eqco" / "mine.yaml").write_text(text)
    found = read_experiment(["detect", "experiment=eqco/mine", "scale=laptop", f"--config-dir={tmp_path}"])
    assert found is not None and found.train[2:] == ["experiment=eqco/mine", "scale=laptop", f"--config-dir={tmp_path}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["experiment=eqco/table9", "run=x"], "run=x: the runs are those of experiment=eqco/table9"),
        (["experiment=eqco/fig4"], "experiment=eqco/fig4: pre-trains alone; detect sweep=<its folder> goes on"),
        (["experiment=x"], "experiment=x: is no experiment; eqco/table9 is one of detection"),
        (["experiment=eqco/table9", "data.images=0"], "data.images=0: must be 1 or more"),
    ],
)
def test_an_experiments_line_is_checked_before_anything_is_pre_trained(line: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_experiment(["detect", *line])
    assert error.value.problems[0].startswith(told)


def test_the_numbers_are_those_of_the_papers_table() -> None:
    """EqCo, Table 9, typed a second time."""
    found = {
        entry["metric"]: dict(zip(entry["x"], entry["y"], strict=True))
        for entry in load("eqco/table9")["detect"]["reference"]
    }
    assert found == {
        "AP": {"random": 31.4, "supervised": 39.0, "MoCo v2": 39.1, "SiMo": 39.0},
        "AP50": {"random": 49.4, "supervised": 59.1, "MoCo v2": 59.2, "SiMo": 59.2},
        "AP75": {"random": 34.0, "supervised": 42.6, "MoCo v2": 42.5, "SiMo": 42.3},
    }


def test_a_detector_is_no_run_to_start_from(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "checkpoints").mkdir()
    torch.save({}, tmp_path / "checkpoints" / "last.ckpt")
    (tmp_path / ".hydra" / "config.yaml").write_text("a: 1")
    assert stored_folder(str(tmp_path)) == tmp_path
    (tmp_path / "result.json").write_text('{"status": "done", "method": "detect"}')
    with pytest.raises(ConfigError, match="is a run of detect; give the one that its detector started from"):
        stored_folder(str(tmp_path))
    assert run_folder(str(tmp_path)) == tmp_path  # of replay


def test_what_is_read_is_looked_at_before_the_run(tmp_path: Path) -> None:
    assert check_detect(["start=random"])[2] == []
    config, _, problems = check_detect(["start=random", "backbone.widths=[8,16]", "detector.least_stride=64"])
    assert problems == ["detector.least_stride=64: the stages have strides of [2, 4]"]
    weights = tmp_path / "weights.pt"
    weights.write_text("x")
    _, _, problems = check_detect(["start=run", f"weights={weights}"])
    assert len(problems) == 1 and problems[0].startswith(f"weights={weights}: cannot be read as tensors")
    assert of_detect().experiment == {"y": "AP", "margin": 1.0, "curves": []}
    assert OmegaConf.select(config, "detector.least_stride") == 64
