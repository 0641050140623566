"""What a line of `finetune` comes to: the settings of `train`, and the jobs of a sweep."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.commands import finetune
from contrastive_lab.config.overrides import composed
from contrastive_lab.dataset import embedded
from contrastive_lab.dataset.labelled import labelled
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.finetune import read_asked
from contrastive_lab.record.plan import read_plan
from contrastive_lab.record.result import read_result
from contrastive_lab.record.sweep import read_sweep
from tests.conftest import Line, only_run
from tests.sweep_folder import write_sweep
from tests.test_run.test_export import stored

Compose = Callable[..., DictConfig]
Typed = Callable[..., Line]
FAST = ("trainer.limit_train_batches=1", "trainer.enable_progress_bar=false", "probes.knn.k=5", "epochs=1")


@pytest.fixture
def run(tmp_path: Path, compose: Compose) -> Path:
    """A run whose folder has a name that Hydra would read as several values."""
    stored(tmp_path / "K=4,seed=3", compose("backbone.widths=[8,16]", "seed=3", "dataset.std=[0.4]"))
    return tmp_path / "K=4,seed=3"


@pytest.fixture
def fine(entered: Typed) -> Typed:
    """Type `python scripts/finetune.py ...` in this process."""
    return lambda *told: entered("scripts/finetune.py", lambda: finetune.main(sys.argv), *told)


def config_of(*told: str) -> DictConfig:
    """What a line of one run composes to."""
    line, parts = read_asked(["finetune", *told])
    assert not parts
    return composed(line[1:])


def test_data_backbone_and_seed_are_the_runs_and_the_protocol_is_simclrs(run: Path) -> None:
    config = config_of(f"run={run}", "labels=0.1")
    assert (config.backbone.widths, config.dataset.std, config.seed) == ([8, 16], [0.4], 3)
    assert (config.weights, config.labels, config.epochs) == (str(run), 0.1, 30)
    assert (config.optim.nesterov, config.optim.weight_decay, config.optim.warmup_epochs) == (True, 0, 0)
    assert (config.augment.color.p, config.augment.gray, config.augment.blur, config.augment.flip) == (0, 0, 0, 0.5)


@pytest.mark.parametrize(("share", "epochs", "N"), [("0.01", 60, 16), ("0.1", 30, 64), ("1.0", 30, 64)])
def test_few_labels_have_more_epochs_and_a_batch_that_leaves_steps(share: str, epochs: int, N: int, run: Path) -> None:
    config = config_of(f"run={run}", f"labels={share}")
    assert (config.epochs, config.batch_size) == (epochs, N)
    own = config_of(f"run={run}", f"labels={share}", "epochs=2", "batch_size=8")
    assert (own.epochs, own.batch_size) == (2, 8)


def test_from_scratch_differs_in_the_weights_alone(run: Path) -> None:
    told = (f"run={run}", "labels=0.1")
    both = [dict(config_of(*told, f"start={start}")) for start in ("run", "random")]
    assert [each.pop("weights") for each in both] == [str(run), None]
    assert both[0] == both[1]


def test_a_library_s_weights_of_the_run_come_along_with_neither_start(tmp_path: Path, compose: Compose) -> None:
    told = ("backbone=resnet18", "backbone.pretrained=true")
    stored(tmp_path / "r", compose(*told))
    assert compose(*told).backbone.pretrained
    for start in ("run", "random"):
        config = config_of(f"run={tmp_path / 'r'}", f"start={start}", "labels=0.1")
        assert (config.backbone.name, config.backbone.pretrained) == ("resnet18", False)
    assert config_of(f"run={tmp_path / 'r'}", "start=random", "backbone.pretrained=true").backbone.pretrained


def test_what_is_typed_stands_in_place_of_the_runs(run: Path) -> None:
    config = config_of(f"run={run}", "dataset=cifar10", "labels=0.5", "seed=8", "batch_size=32")
    assert (config.dataset.name, config.dataset.std, config.seed) == ("cifar10", [0.2470, 0.2435, 0.2616], 8)


@pytest.mark.parametrize("scale", ["cifar", "paper"])
def test_the_papers_rate_holds_where_the_scale_is_no_smoke_scale(scale: str, compose: Compose) -> None:
    config = compose("method=finetune", f"scale={scale}", "dataset=cifar10")
    assert (config.base_lr, config.optim.weight_decay, config.epochs) == (0.05, 0, 30)


def test_a_run_starts_from_the_weights_and_keeps_the_list_of_labelled_images(run: Path, fine: Typed) -> None:
    done = fine(f"run={run}", "labels=0.1", *FAST)
    assert done.code == 0, done.err
    folder = only_run(run.parent)
    result = read_result(folder)
    assert (result.method, result.labels, result.start) == ("finetune", 0.1, str(run))
    assert result.scores["classifier_top1"] is not None
    assert f"encodersmall_resnetfrom{run}" in "".join(done.out.split())  # folded to fit 80 columns
    rows = [*csv.DictReader((folder / "labelled.csv").read_text().splitlines())]
    numbers = labelled(embedded().train.labels, 0.1, seed=3)
    assert [int(row["image"]) for row in rows] == numbers.tolist()
    assert [int(row["label"]) for row in rows] == embedded().train.labels[numbers].tolist()
    assert (result.data_hash or "").startswith("5000-")  # all images, so that seeds are runs of the same data


def test_each_run_of_a_sweep_is_a_job_that_tells_what_it_starts_from(
    tmp_path: Path, compose: Compose, fine: Typed, no_report: None
) -> None:
    jobs = [({"K": K, "alpha": None, "seed": seed}, {"knn_top1": 50.0}) for K in (4, 16) for seed in (0, 1)]
    sweep = write_sweep(tmp_path / "pre", [*jobs, ({"K": 64, "alpha": None, "seed": 0}, {"status": "failed"})])
    for folder in (sweep / job.folder for job in read_plan(sweep).jobs[:4]):
        kept = (folder / "result.json").read_text()
        (folder / "result.json").unlink()
        stored(folder, compose("backbone.widths=[8,16]", f"seed={folder.name[-1]}"))
        (folder / "result.json").write_text(kept)
    done = fine(f"sweep={sweep}", "labels=0.01,0.1", "trainer.fast_dev_run=1", *FAST)
    assert done.code == 0, done.err
    assert "notice: 1 of 5 runs of" in done.out
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    found = read_sweep(folder)
    assert {*zip(found.asked["K"], found.asked["labels"], found.asked["seed"], strict=True)} == {
        (K, labels, seed) for K in (4, 16) for labels in (0.01, 0.1) for seed in (0, 1)
    }
    assert len(found.done) == 8 and {"K", "labels"} < {*found.varied} and "weights" not in found.varied


def test_a_sweep_without_a_finished_run_is_told(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "pre", [({"K": 4}, {"status": "failed"})])
    with pytest.raises(ConfigError, match=r"^sweep=.*pre: no run in it is done$"):
        read_asked(["finetune", f"sweep={sweep}"])
