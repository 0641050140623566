import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.config.check import effective_K, loss_problems
from contrastive_lab.config.overrides import base
from contrastive_lab.errors import ConfigError
from contrastive_lab.objective import Objective
from tests.cosines import pairs_of
from tests.test_config.test_methods import NAMES

Compose = Callable[..., DictConfig]


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


CANNOT_RUN = [
    (["trainer.accumulate_grad_batches=2"], "trainer.accumulate_grad_batches: must stay 1"),
    (["trainer.use_distributed_sampler=true"], "trainer.use_distributed_sampler: must stay false"),
    (["K=256"], "K=256: more than the N-1 = 255 keys of batch_size=256; lower K or raise N"),
    (["method=simclr", "K=511"], "K=511: more than the 2N-2 = 510"),
    (["method=simclr", "K=256", "method.pool=N-1"], "K=256: more than the N-1 = 255"),
    (["method=moco_v2", "K=null"], "K=null: MoCo v2 keeps a queue"),
    (["trainer.barebones=true"], "trainer.barebones: must stay false"),
    (["method=swav", "loss=info_nce"], "loss=info_nce: SwAV has a loss of its own, in which no K negatives are drawn"),
    (["method=swav", "loss='info_nce'"], "loss=info_nce: SwAV has a loss of its own"),
    (["method=supcon", "loss=hard"], "loss=hard: SupCon has a loss of its own, in which no K negatives are drawn"),
    (["strategy=ddp"], "strategy.devices=2: this machine has 0 GPUs; strategy=ddp_cpu needs none"),
    (["batch_size=6000"], "batch_size=6000: more than the 5000 images of dataset=fashion_mnist_mini"),
    (["strategy=ddp_cpu", "batch_size=255", "K=3"], "batch_size=255: not divisible over strategy.devices, 2 processes"),
    (["strategy=ddp_cpu", "strategy.devices=3", "batch_size=240", "K=3", "batchnorm=split"], "batchnorm.groups=8: not"),
    (["batchnorm=split", "batch_size=60", "K=3"], "batch_size=60: not divisible into batchnorm.groups=8"),
    (["strategy.devices=2"], "strategy=single: one process, not 2; use strategy=ddp"),
    (["method=simclr", "batchnorm=shuffle"], "batchnorm=shuffle: SimCLR has no key encoder"),
    (["augment.color.strength=2", "augment.color.hue=0.4"], "augment.color.strength=2: times hue=0.4 is above 0.5"),
    (
        ["backbone=timm", "backbone.arch=resnet26x"],
        "backbone.arch=resnet26x: timm has no such model; did you mean resnet26?",
    ),
    (["trainer.limit_train_batches=0"], "trainer.limit_train_batches=0: leaves no step of an epoch"),
    (["trainer.limit_train_batches=0.05"], "trainer.limit_train_batches=0.05: leaves no step of an epoch"),  # of 19
    (["trainer.overfit_batches=2"], "trainer.overfit_batches: must stay 0, as each epoch has other images"),
    (
        ["method=supcon", "dataset=stl10"],
        "dataset=stl10: its training images have no labels, which method=supcon needs",
    ),
    (["method=supervised", "tau=0.5"], "tau=0.5: Supervised has none; its settings are batch_size and base_lr"),
    (["method=supervised", "K=5"], "K=5: Supervised has no negatives; its settings are batch_size and base_lr"),
    (["method=moco_v2", "K=1000000000000"], "K=1000000000000: takes 512,000 GB, and this machine has "),
    (["method=moco_v2", "K=4", "sets=250000000000"], "K=4 sets=250000000000: takes 512,000 GB, and this machine has "),
    (["method=npid", "K=1000000000000"], "K=1000000000000: takes 131,072,000 GB, and this machine has "),
    (["method=swav", "method.prototypes=1000000000000"], "method.prototypes=1000000000000: takes 512,000 GB"),
    (["augment.size=100000"], "augment.size=100000: takes 30,720 GB, and this machine has "),
    (["head.dim=1000000000000", "head.hidden=10"], "head.dim=1000000000000: takes 40,000 GB"),
    (["augment.crop.ratio=[1e-9,1e-9]"], "augment.crop.ratio=[1e-09,1e-09]: must lie between 1/28 and 28"),
    (["augment.small_crop.ratio=[1,30]"], "augment.small_crop.ratio=[1,30]: must lie between 1/28 and 28"),
    (["optim.warmup_epochs=100"], "optim.warmup_epochs=100: longer than epochs=10, which is the most it can be"),
    (["dataset=image_folder", "dataset.root=/dev/null/x"], "dataset.root=/dev/null/x: no such folder"),
]


@pytest.mark.parametrize(
    ("overrides", "message"), CANNOT_RUN, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_settings_that_cannot_run_together_are_one_line_that_names_a_key(
    overrides: list[str], message: str, compose: Compose
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*overrides)
    (problem,) = [p for p in caught.value.problems if message in p]
    assert "\n" not in problem


@pytest.mark.parametrize("line", ["logger=tensorboard", "backbone=timm"])
def test_a_missing_package_is_named(line: str, compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.config.check.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"{line}: not installed; pip install"):
        compose(line)


def test_half_the_colour_circle_and_a_twentieth_of_20_steps_are_allowed(compose: Compose) -> None:
    compose("augment.color.strength=2", "augment.color.hue=0.25")
    compose("trainer.limit_train_batches=0.05", "batch_size=250", "K=3")


@pytest.mark.parametrize(
    ("overrides", "K"),
    [(["K=16"], 16), (["K=null"], 255), (["method=simclr"], 510), (["method=simclr", "method.pool=N-1"], 255)],
)
def test_effective_K(overrides: list[str], K: int, compose: Compose) -> None:
    assert effective_K(compose(*overrides)) == K


MEANINGLESS = [
    ("loss=nce", ["loss=nce", "method=npid alone"]),
    ("loss=nce method=simclr", ["loss=nce", "SimCLR takes info_nce"]),
    ("method=npid loss=nce alpha=64", ["alpha=64", "loss=nce has none"]),
    ("method=npid loss=nce alpha=inf", ["alpha=inf", "loss=nce has none"]),
    ("loss=spectral alpha=64", ["alpha=64", "loss=spectral has none", "loss.mu"]),
    ("loss=spectral alpha=inf", ["alpha=inf", "loss=spectral has none"]),
    ("loss=spectral tau=0.2", ["tau=0.2", "loss=spectral has none", "loss.phi_tau"]),
    ("loss=debiased alpha=inf", ["alpha=inf", "set loss.tau_plus=0"]),
    ("loss=hard alpha=inf", ["alpha=inf", "set loss.tau_plus=0"]),
    ("loss=dual_temperature alpha=inf", ["alpha=inf", "then loss=info_nce"]),
    ("dclw_sigma=0.5", ["dclw_sigma=0.5", "set alpha=inf loss=info_nce"]),
    ("dclw_sigma=0.5 loss=hard", ["dclw_sigma=0.5", "set alpha=inf loss=info_nce"]),
    ("dclw_sigma=0.5 alpha=inf remember=0.1", ["remember=0.1", "set dclw_sigma=null"]),
    ("sets=3 K=null", ["sets=3", "set K to a number"]),
    ("sets=3 K=100", ["K=100 sets=3", "more than the N-1 = 255 keys"]),
    ("sets=3 K=200 method=simclr", ["K=200 sets=3", "more than the 2N-2 = 510 keys"]),
    ("remember=0.1", ["remember=0.1", "alpha=256", "set alpha=inf"]),
    ("remember=0.1 alpha=null", ["remember=0.1", "alpha=null", "set alpha=inf"]),
    ("remember=0.1 loss=spectral", ["remember=0.1", "not loss=spectral"]),
    ("remember=0.1 loss=dual_temperature", ["remember=0.1", "not loss=dual_temperature"]),
    ("remember=0.1 method=npid loss=nce", ["remember=0.1", "not loss=nce"]),
    ("remember=0.1 alpha=inf sets=2 K=8", ["remember=0.1", "set sets=1"]),
    ("remember=0.1 alpha=inf method=moco_v2", ["remember=0.1", "queue"]),
    ("remember=0.1 method=moco_v1", ["remember=0.1", "queue"]),
    ("remember=0.1 alpha=inf method=npid method.proximal=1", ["remember=0.1", "set method.proximal=0"]),
    ("loss=hard method=npid method.proximal=1", ["loss=hard", "set method.proximal=0"]),
    ("loss=spectral method=npid method.proximal=1", ["loss=spectral", "set method.proximal=0"]),
    ("own_class_share=0 method=moco_v2", ["own_class_share=0", "keeps a queue"]),
    ("own_class_share=0.5 K=null", ["own_class_share=0.5", "set K to a number"]),
    ("own_class_share=0.5 K=8 method.negatives_per=batch", ["own_class_share=0.5", "set method.negatives_per=query"]),
    ("own_class_share=1 method=npid method.positive_drawn=true", ["own_class_share=1", "method.positive_drawn=false"]),
    *((f"method={method} {typed}", [typed, "has a loss of its own, in which no K negatives are drawn"])
      for method, typed in product(("swav", "supervised", "supcon"),
                                   ("loss=hard", "sets=2", "remember=0.5", "own_class_share=0.5", "dclw_sigma=0.5"))),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "parts"), MEANINGLESS, ids=[typed for typed, _ in MEANINGLESS])
def test_what_means_nothing_is_one_line(typed: str, parts: list[str], compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*typed.split())
    (line,) = caught.value.problems
    assert line.startswith(parts[0]) and all(part in line for part in parts) and "\n" not in line


def fits(method: str, loss: str, told: dict[str, Any]) -> bool:
    """What docs/losses.md says of each loss and setting."""
    alpha, remember, dclw = told["alpha"], told["remember"], told["dclw_sigma"]
    takes_alpha = {
        "info_nce": True,
        "nce": alpha is None and method == "npid",
        "spectral": alpha is None,
        "debiased": alpha != math.inf,
        "hard": alpha != math.inf,
        "dual_temperature": alpha != math.inf,
    }[loss]
    is_dcl = loss == "info_nce" and alpha == math.inf
    queue = method == "moco_v2"
    return (
        takes_alpha
        and (dclw is None or (is_dcl and remember is None))
        and (remember is None or (is_dcl and told["sets"] == 1 and not queue))
        and (told["own_class_share"] is None or not queue)
    )


def combinations() -> Iterator[dict[str, Any]]:
    values = {
        "alpha": (None, 64.0, math.inf),
        "sets": (1, 3),
        "remember": (None, 0.5),
        "own_class_share": (None, 0.25),
        "dclw_sigma": (None, 0.5),
    }
    return (dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize(
    "method", ["simo", *(pytest.param(name, marks=pytest.mark.long) for name in ("simclr", "moco_v2", "npid"))]
)
def test_every_other_combination_has_a_finite_loss(method: str, loss: str) -> None:
    config = base((f"method={method}", f"loss={loss}")).copy()
    config.K = 4
    source = torch.Generator().manual_seed(0)
    allowed = 0
    for told in combinations():
        config.merge_with(told)
        problems = list(loss_problems(config))
        assert (not problems) == fits(method, loss, told), (told, problems)
        if problems or loss == "nce":  # NPID has that one itself
            continue
        allowed += 1
        more = {"dclw_sigma": told["dclw_sigma"]} if told["dclw_sigma"] else {}
        objective = Objective(
            **config.loss, **more, sets=told["sets"], remember=told["remember"], images=6, directions=1
        )
        pos, neg = torch.rand(6, generator=source), torch.rand(6, 4 * told["sets"], generator=source)
        neg.requires_grad_()
        pairs = pairs_of((pos, neg))
        losses = objective.losses(pairs, config.tau, config.alpha)
        losses.sum().backward()
        assert losses.shape == (6,) and losses.isfinite().all() and neg.grad is not None and neg.grad.isfinite().all()
    assert allowed or loss == "nce"


@pytest.mark.parametrize(
    "typed",
    ["alpha=inf", "alpha=inf dclw_sigma=0.5", "alpha=inf remember=0", "loss=spectral sets=5 K=51",
     "loss=hard loss.tau_plus=0 alpha=inf", "loss=debiased own_class_share=0 K=8", "loss=dual_temperature K=1 sets=255",
     "method=moco_v2 loss=hard sets=3 K=100", "method=npid loss=nce sets=2 own_class_share=0.5 method.proximal=1",
     "method=npid alpha=inf remember=0.9", "method=simclr alpha=inf remember=0.9 K=8 own_class_share=0.125",
     "method=npid alpha=inf dclw_sigma=0.5"],
)  # fmt: skip
def test_what_means_something_composes(typed: str, compose: Compose) -> None:
    compose(*typed.split())
