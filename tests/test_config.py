import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.check import effective_K
from contrastive_lab.config.overrides import OWNED
from contrastive_lab.config.paper import paper_differences
from contrastive_lab.config.schema import GROUPS
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch import command_line
from contrastive_lab.record.identity import config_hash, differences, identity
from contrastive_lab.record.run import check_resume
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


Compose = Callable[..., DictConfig]
YAMLS = sorted(path.relative_to(ROOT / "conf") for group in GROUPS for path in (ROOT / "conf" / group).glob("*.yaml"))


@pytest.mark.parametrize("path", YAMLS, ids=str)
def test_every_yaml_of_every_group_composes(
    path: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    if path.stem == "tensorboard":
        pytest.importorskip("tensorboard")
    root = [f"dataset.root={tmp_path}"] if path.stem in ("image_folder", "paper") else []
    texts = ["dataset=ag_news"] if path.stem in ("words", "bag_of_words") else []
    config = compose(f"{path.parent}={path.stem}", *root, *texts)
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)


def test_one_tree_three_times() -> None:
    """A group of conf/ is a module of the package and has a test file, but for Lightning's own and the scales."""
    for group in set(GROUPS) - {"trainer", "strategy", "logger", "scale", "experiment"}:
        module = ROOT / "contrastive_lab" / group
        assert module.is_dir() or module.with_suffix(".py").is_file()
        assert list((ROOT / "tests").glob(f"test_{group}*"))


def test_trainer_lists_every_argument_of_lightnings_trainer(compose: Compose) -> None:
    import inspect

    arguments = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
    owned = {key.removeprefix("trainer.") for key in OWNED}
    assert set(compose().trainer) - {"_target_"} == arguments - owned
    assert owned <= arguments


REFUSED = [
    (["k=3"], "k: no such key; did you mean K?"),
    (["temperature=1"], "temperature: no such key; did you mean tau?"),
    (["batchsize=3"], "batchsize: no such key; did you mean batch_size?"),
    (["foo=1"], "foo: no such key; python train.py --help"),
    (["trainer.max_stps=3"], "trainer.max_stps: no such key; did you mean trainer.max_steps?"),
    (["trainer.devices=2"], "trainer.devices: set by a dial of this project; use strategy.devices="),
    (["trainer.max_epochs=2"], "use epochs="),
    (["trainer.strategy=ddp"], "use strategy="),
    (["trainer.sync_batchnorm=true"], "use batchnorm="),
    (["trainer.accumulate_grad_batches=2"], "trainer.accumulate_grad_batches: must stay 1"),
    (["trainer.use_distributed_sampler=true"], "trainer.use_distributed_sampler: must stay false"),
    (["method=simoo"], "method=simoo: no such option; did you mean simo? choose one of moco_v1"),
    (["dataset=imagenet"], "dataset=imagenet: no such option"),
    (["method=simclr", "method.momentum=0.9"], "method.momentum: SimCLR has no such dial; it has pool, negatives_per"),
    (["K=0"], "K=0: must be 1 or more"),
    (["K=256"], "K=256: more than the N-1 = 255 keys of batch_size=256; lower K or raise N"),
    (["method=simclr", "K=511"], "K=511: more than the 2N-2 = 510"),
    (["method=simclr", "K=256", "method.pool=N-1"], "K=256: more than the N-1 = 255"),
    (["method=simclr", "method.pool=N"], "method.pool=N: choose one of 2N-2, N-1"),
    (["method=moco_v2", "K=null"], "K=null: MoCo v2 keeps a queue"),
    (["K=16.5"], "K=16.5: must be a whole number, or null for all"),
    (["K=4,8"], "K=4,8: several values need a multirun"),
    (["+K=4"], "+K: the key is there already; leave out the plus"),
    (["~tau"], "~tau: keys cannot be taken out"),
    (["tau"], "write key=value"),
    (["alpha=none"], "alpha=none: must be a number, or null for alpha = K"),
    (["alpha=0"], "alpha=0.0: must be more than 0"),
    (["tau=-1"], "tau=-1.0: must be more than 0"),
    (["tau=nan"], "tau=nan: must be more than 0"),
    (["tau=cold"], "tau=cold: must be a number"),
    (["method.momentum=1.5"], "method.momentum=1.5: must be between 0 and 1"),
    (["method.momentum=high"], "method.momentum=high: must be a number"),
    (["method.negatives_per=all"], "method.negatives_per=all: choose one of query, batch"),
    (["augment.crop.scale=3"], "augment.crop.scale=3: must be a list"),
    (["dataset.splits=3"], "dataset.splits=3: must be set key by key"),
    (["probes.knn.k=2.5"], "probes.knn.k=2.5: must be a whole number"),
    (["evaluation.epochs=null"], "evaluation.epochs=None: must be a whole number"),
    (["trainer.log_every_n_steps=null"], "trainer.log_every_n_steps=None: must be a whole number"),
    (["head.hidden=abc"], "head.hidden=abc: must be a whole number or null"),
    (["backbone.widths=[a]"], "backbone.widths=['a']: must be a list of whole numbers, e.g. [32,64,128]"),
    (["augment.order=[foo]"], "augment.order=['foo']: choose some of color, gray, blur"),
    (["augment.crop.scale=[2,3]"], "augment.crop.scale=[2, 3]: must be [least,greatest], at most 1"),
    (["augment.color.hue=0.6"], "augment.color.hue=0.6: must be between 0 and 0.5"),
    (["dataset.size=0"], "dataset.size=0: must be 1 or more"),
    (["alpha=inf"], "alpha=inf: must be more than 0"),
    (["strategy.devices=null"], "strategy.devices=None: must be a whole number"),
    (["trainer.precision=bf16-true"], "trainer.precision=bf16-true: choose one of 32-true"),
    (["trainer.barebones=true"], "trainer.barebones: must stay false"),
    (["strategy=ddp"], "strategy.devices=2: this machine has 0 GPUs; strategy=ddp_cpu needs none"),
    (["strategy.accelerator=mps"], "strategy.accelerator=mps: choose one of auto, cpu, gpu"),
    (["optim.decay_norm=3"], "optim.decay_norm=3: must be true or false"),
    (["batch_size=6000"], "batch_size=6000: more than the 5000 images of dataset=fashion_mnist_mini"),
    (["strategy=ddp_cpu", "batch_size=255", "K=3"], "batch_size=255: not divisible over strategy.devices, 2 processes"),
    (["strategy=ddp_cpu", "strategy.devices=3", "batch_size=240", "K=3", "batchnorm=split"], "batchnorm.groups=8: not"),
    (["batchnorm=split", "batch_size=60", "K=3"], "batch_size=60: not divisible into batchnorm.groups=8"),
    (["strategy.devices=2"], "strategy=single: one process, not 2; use strategy=ddp"),
    (["method=simclr", "batchnorm=shuffle"], "batchnorm=shuffle: SimCLR has no key encoder"),
    (["dataset=image_folder", "dataset.root=/no/such"], "dataset.root=/no/such: no such folder"),
    (["seed=-1"], "seed=-1: must be 0 or more"),
    (["checkpoint_every_n_steps=0"], "checkpoint_every_n_steps=0: must be 1 or more"),
]


@pytest.mark.parametrize(
    ("overrides", "message"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_line_that_names_the_key(overrides: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*overrides)
    (problem,) = [p for p in caught.value.problems if message in p]
    assert "\n" not in problem


def test_a_missing_package_is_named(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.config.check.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"logger=tensorboard: not installed; pip install"):
        compose("logger=tensorboard")


def test_all_problems_are_told_at_once(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("alpha=none", "k=3", "tau=0", "batch_size=1", "method.negatives_per=all")
    assert len(caught.value.problems) == 5


def test_good_values_arrive(compose: Compose) -> None:
    config = compose("method=simo", "K=16", "alpha=65536", "method.momentum=1", "+backbone.x=3", "trainer.max_steps=20")
    assert (config.K, config.alpha, config.method.momentum, config.backbone.x) == (16, 65536.0, 1, 3)
    assert config.trainer.max_steps == 20
    assert compose().K == 255  # the cached base is not touched by the job before


@pytest.mark.parametrize(
    ("overrides", "K"),
    [(["K=16"], 16), (["K=null"], 255), (["method=simclr"], 510), (["method=simclr", "method.pool=N-1"], 255)],
)
def test_effective_K(overrides: list[str], K: int, compose: Compose) -> None:
    assert effective_K(compose(*overrides)) == K


def test_a_multirun_is_checked_as_a_whole_before_its_first_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(ConfigError) as caught:
        command_line.preflight(["-m", "K=4,300", "tau=0.1,0", "method=simo,simclr"])
    assert sorted(caught.value.problems) == [
        "K=300: more than the N-1 = 255 keys of batch_size=256; lower K or raise N",
        "tau=0.0: must be more than 0",
    ]
    command_line.preflight(["-m", "K=4,16", "seed=range(0,3)"])
    with pytest.raises(
        ConfigError, match=r"strategy=ddp with -m: this launcher cannot; either one run after the other"
    ):
        command_line.preflight(["-m", "K=4,16", "strategy=ddp_cpu"])


def test_resume_takes_no_other_dial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(ConfigError, match="leave out K=3"):
        command_line.preflight([f"resume={tmp_path}", "K=3"])
    with pytest.raises(ConfigError, match="not the folder of a run"):
        command_line.preflight([f"resume={tmp_path}"])
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("K: 3")
    assert "has no checkpoint" in check_resume(tmp_path)[0]
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"half a checkpoint")
    assert "damaged" in check_resume(tmp_path)[0]
    (tmp_path / "result.json").write_text('{"status": "done"}')
    assert "that run is finished" in check_resume(tmp_path)[0]


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RunError("not finite at step 3: loss")

    monkeypatch.setattr(sys, "argv", ["train.py", "K=4"])
    assert command_line.command_line(lambda: None) == 0
    assert command_line.command_line(fail) == 1
    assert capsys.readouterr().err == "error: not finite at step 3: loss\n"
    monkeypatch.setattr(sys, "argv", ["train.py", "K=0", "tau=0"])
    assert command_line.command_line(lambda: pytest.fail("work was started")) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: K=0: must be 1 or more",
        "error: tau=0.0: must be more than 0",
    ]


def test_new_folders_are_never_shared(tmp_path: Path) -> None:
    make = command_line.new_folder.__wrapped__
    folders = [make(str(tmp_path)) for _ in range(5)]
    assert len(set(folders)) == 5
    assert all(Path(folder).is_dir() for folder in folders)


@pytest.mark.parametrize(
    "override",
    ["K=16", "alpha=1024", "tau=0.1", "seed=1", "epochs=2", "base_lr=0.1", "batch_size=512",
     "method.negatives_per=batch",
     "augment.blur=0.5", "backbone.widths=[8]", "trainer.precision=64-true", "method=simclr", "head.dim=64",
     "optim.momentum=0.8", "batchnorm=split", "dataset=fashion_mnist", "trainer.max_steps=5"],
)  # fmt: skip
def test_the_hash_covers_what_changes_the_result(override: str, compose: Compose) -> None:
    assert config_hash(compose(override)) != config_hash(compose())


@pytest.mark.parametrize(
    "override",
    ["logger=wandb", "strategy=ddp_cpu", "data_dir=/elsewhere", "checkpoint_every_n_steps=3",
     "trainer.enable_progress_bar=false", "K=255"],
)  # fmt: skip
def test_the_hash_omits_loggers_folders_and_devices(override: str, compose: Compose) -> None:
    assert config_hash(compose(override)) == config_hash(compose())


def test_two_folders_of_images_are_two_data_sets(tmp_path: Path, compose: Compose) -> None:
    for name in ("a/cats", "b/cats", "b/dogs"):
        (tmp_path / name).mkdir(parents=True)
    here, moved, other = (
        config_hash(compose("dataset=image_folder", f"dataset.root={tmp_path / name}"))
        for name in ("a/cats", "b/cats", "b/dogs")
    )
    assert here == moved != other


def test_differences_name_the_keys(compose: Compose) -> None:
    assert differences(identity(compose("K=4")), identity(compose("K=8"))) == ["K: 4, not 8"]


def test_the_banner_tells_what_differs_from_the_paper(compose: Compose) -> None:
    lines = paper_differences(compose("method=moco_v2", "tau=0.1"))
    assert "tau 0.1 (paper: 0.2)" in lines
    assert "dataset.name fashion_mnist_mini (paper: image_folder)" in lines
    assert not [line for line in lines if line.startswith("alpha")]
