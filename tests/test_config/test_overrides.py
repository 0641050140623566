from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError

Compose = Callable[..., DictConfig]
WRONG = [
    (["k=3"], "k: no such key; did you mean K?"),
    (["temperature=1"], "temperature: no such key; did you mean tau?"),
    (["batchsize=3"], "batchsize: no such key; did you mean batch_size?"),
    (["foo=1"], "foo: no such key; python train.py --help"),
    (["trainer.max_stps=3"], "trainer.max_stps: no such key; did you mean trainer.max_steps?"),
    (["trainer.devices=2"], "trainer.devices: set by a setting of this project; use strategy.devices="),
    (["trainer.max_epochs=2"], "use epochs="),
    (["trainer.strategy=ddp"], "use strategy="),
    (["trainer.sync_batchnorm=true"], "use batchnorm="),
    (["method=simoo"], "method=simoo: no such option; did you mean simo? choose one of finetune, moco_v1"),
    (["dataset=imagenet"], "dataset=imagenet: no such option"),
    (
        ["method=simclr", "method.momentum=0.9"],
        "method.momentum: a setting of method=moco_v1, method=moco_v2, method=simo: add one; SimCLR has pool",
    ),
    (["K=0"], "K=0: must be 1 or more"),
    (["method=simclr", "method.pool=N"], "method.pool=N: choose one of 2N-2, N-1"),
    (["K=16.5"], "K=16.5: must be a whole number, or null for all"),
    (["K=4,8"], "K=4,8: several values need a multirun"),
    (["+K=4"], "+K: the key is there already; leave out the plus"),
    (["~tau"], "~tau: keys cannot be taken out"),
    (["tau"], "write key=value"),
    (["alpha=none"], "alpha=none: must be a number, or null for alpha = K, inf for DCL"),
    (["alpha=0"], "alpha=0.0: must be more than 0"),
    (["tau=-1"], "tau=-1.0: must be more than 0"),
    (["tau=nan"], "tau=nan: must be finite and more than 0"),
    (["tau=cold"], "tau=cold: must be a number"),
    (["method.momentum=1.5"], "method.momentum=1.5: must be between 0 and 1"),
    (["method.momentum=high"], "method.momentum=high: must be a number"),
    (["method.negatives_per=all"], "method.negatives_per=all: choose one of query, batch"),
    (["augment.crop.scale=3"], "augment.crop.scale=3: must be a list"),
    (["dataset.splits=3"], "dataset.splits: set by a setting of this project; use dataset="),
    (
        ["dataset=cifar10", "dataset.splits.name=cifar100"],
        "dataset.splits.name: set by a setting of this project; use d",
    ),
    (["method_info.views=1"], "method_info.views: set by a setting of this project; use method="),
    (["scale.dataset=cifar10"], "scale.dataset: set by a setting of this project; use dataset="),
    (["evaluation.name=knn"], "evaluation.name: set by a setting of this project; use evaluation="),
    (["strategy.trainer.strategy=foo"], "strategy.trainer.strategy: set by a setting of this project; use strategy="),
    (["dataset.mean=[0.5,0.5]"], "dataset.mean=[0.5,0.5]: must be one number, or three"),
    (["optim.milestones=[.9,.1,3]"], "optim.milestones=[0.9,0.1,3]: must be increasing shares between 0 and 1"),
    (["trainer.max_time=soon"], "trainer.max_time=soon: must be days:hours:minutes:seconds"),
    (["evaluation=[]"], "evaluation=[]: must be the name of an option; choose one of classifier, knn, linear"),
    (["+backbone.foo=3"], "backbone.foo: no such key"),
    (["+backbone.stem_stride=1"], "+backbone.stem_stride: the key is there already; leave out the plus"),
    (["backbone=resnet50", "backbone.width=0"], "backbone.width=0: must be 1 or more"),
    (["+backbone.width=2", "backbone=resnet50"], "+backbone.width: the key is there already; leave out the plus"),
    (["+logger.foo=3"], "logger.foo: no such key"),
    (["probes.knn.k=2.5"], "probes.knn.k=2.5: must be a whole number"),
    (["evaluation.epochs=null"], "evaluation.epochs=null: must be a whole number"),
    (["trainer.log_every_n_steps=null"], "trainer.log_every_n_steps=null: must be a whole number"),
    (["head.hidden=abc"], "head.hidden=abc: must be a whole number or null"),
    (["backbone.widths=[a]"], "backbone.widths=[a]: must be a list of whole numbers, e.g. [32,64,128]"),
    (["augment.order=[foo]"], "augment.order=[foo]: choose some of color, gray, blur"),
    (["augment.crop.scale=[2,3]"], "augment.crop.scale=[2,3]: must be [least,greatest], at most 1"),
    (["augment.color.hue=0.6"], "augment.color.hue=0.6: must be between 0 and 0.5"),
    (["dataset.size=0"], "dataset.size=0: must be 2 or more"),
    (["alpha=-inf"], "alpha=-inf: must be more than 0"),
    (["strategy.devices=null"], "strategy.devices=null: must be a whole number"),
    (["trainer.precision=bf16-true"], "trainer.precision=bf16-true: choose one of 32-true"),
    (["strategy.accelerator=mps"], "strategy.accelerator=mps: choose one of auto, cpu, gpu"),
    (["optim.decay_norm=3"], "optim.decay_norm=3: must be true or false"),
    (["seed=-1"], "seed=-1: must be between 0 and 1e+18"),
    (["seed=18446744073709551616"], "seed=18446744073709551616: must be between 0 and 1e+18"),
    (["=5"], "=5: has no key; write key=value, e.g. K=16"),
    (
        ["method=simo", "method.queue=3"],
        "method.queue: a setting of method=swav: add it; SiMo has momentum",
    ),
    (["loss=debiased", "loss.beta=3"], "loss.beta: a setting of loss=hard: add it; debiased has tau_plus"),
    (
        ["backbone=resnet50", "backbone.widths=[8]"],
        "backbone.widths: a setting of backbone=small_resnet: add it",
    ),
    (["checkpoint_every_n_steps=0"], "checkpoint_every_n_steps=0: must be 1 or more"),
    (["backbone.widths=[0,8]"], "backbone.widths=[0,8]: must be 1 or more each"),
    (["scale.blur=2"], "scale.blur=2: must be between 0 and 1"),
    (["probes=3"], "probes=3: must be set key by key"),
    (["scale=laptop/npid"], "scale=laptop/npid: must be the name of an option"),
    (["method.share=batch"], "method.share: no such key; did you mean method.negatives_per?"),
    (["about.views=1"], "about.views: set by a setting of this project; use method="),
    (["scale.queue=64"], "scale.queue: no such key; did you mean K?"),
    (["scale.bank_negatives=64"], "scale.bank_negatives: no such key; did you mean K?"),
    (["scale.npid_head=linear"], "scale.npid_head: no such key; did you mean head.kind?"),
    (["scale.npid_loss=nce"], "scale.npid_loss: no such key; did you mean loss?"),
    (["scale.codes_queue=0"], "scale.codes_queue: no such key; did you mean method.queue?"),
    (["scale.rates.swav=0.6"], "scale.rates.swav: no such key; did you mean base_lr?"),
    (["scale.taus.npid=0.1"], "scale.taus.npid: no such key; did you mean tau?"),
    (["scale/laptop=npid"], "scale/laptop: no such group; did you mean scale?"),
    (["+scale/laptop=npid"], "+scale/laptop: no such group; did you mean scale?"),
    (["scale@_global_=paper"], "scale@_global_: no such group; did you mean scale?"),
    (["+experiment/eqco=fig4"], "+experiment/eqco: no such group; did you mean experiment?"),
    (["experiment=fig4"], "experiment=fig4: no such option; did you mean eqco/fig4? choose one of compare/cifar10, "),
    (["foo/bar=3"], "foo/bar: no such group; choose one of augment, "),
    (["+method=simo"], "+method: the key is there already; leave out the plus"),
    (["++method=simo"], "+method: the key is there already; leave out the plus"),
    (["~method"], "~method: keys cannot be taken out; set a value, e.g. method=<name>"),
    (["method=simo,npid"], "method=simo,npid: several values need a multirun"),
    (["+theory=coupon"], "+theory=coupon: not of train.py; python scripts/theory.py theory=coupon"),
    (["hydra/launcher=jobs"], "hydra/launcher=jobs: no such option; did you mean joblib? choose one of basic"),
    (["hydra.foo=1"], "hydra.foo: no such key"),
    (["rate=1"], "rate: no such key; did you mean base_lr?"),
    (["project=x"], "project: no such key; python train.py --help"),
    (["batch=64"], "batch: no such key; did you mean batch_size?"),
    (["encoder=timm"], "encoder: no such key; did you mean backbone?"),
    (["momentum=0.9"], "momentum: no such key; did you mean method.momentum or optim.momentum?"),
    (["model.momentum=0.9"], "model.momentum: no such key; did you mean method.momentum?"),
    (["optim.rate=1"], "optim.rate: no such key; did you mean optim.base_lr?"),
]


@pytest.mark.parametrize(
    ("overrides", "message"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_line_that_names_the_key(overrides: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*overrides)
    (problem,) = [p for p in caught.value.problems if message in p]
    assert "\n" not in problem


def test_all_problems_are_told_at_once(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("alpha=none", "k=3", "tau=0", "batch_size=1", "method.negatives_per=all")
    assert len(caught.value.problems) == 5


def test_good_values_arrive(compose: Compose) -> None:
    config = compose(
        "method=simo", "K=16", "alpha=65536", "method.momentum=1", "backbone=timm", "+backbone.x=3",
        "trainer.max_steps=20",
    )  # fmt: skip
    assert (config.K, config.alpha, config.method.momentum, config.backbone.x) == (16, 65536.0, 1, 3)
    assert config.trainer.max_steps == 20
    assert compose().K == 255  # the cached base is not touched by the job before


def test_every_setting_of_a_model_can_be_typed(compose: Compose) -> None:
    config = compose("method=simclr", "head.last_norm=false", "backbone=resnet50", "backbone.width=2")
    assert (config.head.last_norm, config.backbone.width) == (False, 2)


def test_a_wrong_value_does_not_hide_what_else_is_wrong(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("tau=cold", "K=256")
    assert sorted(problem.partition(":")[0] for problem in caught.value.problems) == ["K=256", "tau=cold"]


def test_a_value_that_others_take_is_told_once(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("batchnorm.kind=none", "base_lr=0")  # method.batchnorm and optim.base_lr take them
    assert [problem.partition("=")[0] for problem in caught.value.problems] == ["base_lr", "batchnorm.kind"]
