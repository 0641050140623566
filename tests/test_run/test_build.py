from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.dataset import Arrays, Splits, ViewsDataModule
from contrastive_lab.errors import ConfigError
from contrastive_lab.method import MoCo
from contrastive_lab.run.build import build_data, build_encoder, build_method
from tests.test_method.batches import METHODS, OBJECTIVE, asked


@pytest.mark.parametrize("name", ["simclr", "moco_v1", "moco_v2", "simo"])
def test_paper_defaults(name: str, compose: Callable[..., DictConfig]) -> None:
    config = compose(f"method={name}", "scale=paper", "dataset=cifar10")
    expected = {  # of the papers, at the sections that the yaml cites
        "simclr": (None, None, 0.1, 0.3),
        "moco_v1": (65536, None, 0.07, 0.03),
        "moco_v2": (65536, None, 0.2, 0.03),
        "simo": (255, 256, 0.2, 0.03),
    }
    assert (config.K, config.alpha, config.tau, config.base_lr) == expected[name]
    if name != "simclr":
        assert config.method.momentum == 0.999


@pytest.mark.parametrize("name", METHODS)
def test_yaml_builds_the_method(name: str, compose: Callable[..., DictConfig]) -> None:
    config = compose(*asked(name), "backbone.widths=[8,16]", "head.dim=16")
    method = build_method(config, build_data(config))
    assert type(method).__name__.lower() == {"finetune": "supervised"}.get(name, name.split("_")[0])
    assert method.optim.lr == pytest.approx(config.base_lr * config.batch_size / 256)


@pytest.mark.parametrize("name", OBJECTIVE)
def test_settings_reach_the_method(name: str, compose: Callable[..., DictConfig]) -> None:
    config = compose(f"method={name}", "K=7", "alpha=99", "tau=0.3", "backbone.widths=[8,16]", "head.dim=16")
    method = build_method(config, build_data(config))
    assert (method.alpha, method.tau) == (99, 0.3)
    assert (method.queue.keys.shape == (7, 16)) if isinstance(method, MoCo) else method.K == 7


def test_sizes_of_the_data_reach_the_method(compose: Callable[..., DictConfig], splits: Splits) -> None:
    data = ViewsDataModule(splits, build_data(compose()).recipe, batch_size=20)
    npid, supervised = (compose(f"method={name}", "backbone.widths=[8,16]") for name in ("npid", "supervised"))
    assert len(build_method(npid, data).bank.entries) == 120
    assert build_method(supervised, data).classifier.out_features == 3


def test_a_wrong_number_of_images_is_an_error(compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^dataset.images=4000: must be 5000, what dataset=fashion_mnist_mini has"):
        build_data(compose("dataset.images=4000"))


@pytest.mark.parametrize("name", ["supcon", "supervised"])
def test_methods_with_labels_need_them(name: str, compose: Callable[..., DictConfig], splits: Splits) -> None:
    unlabelled = ViewsDataModule(Splits(Arrays(splits.pretrain.images), None, None), build_data(compose()).recipe, 20)
    with pytest.raises(ConfigError, match=rf"^method={name}: this data set has no labels to learn from$"):
        build_method(compose(f"method={name}"), unlabelled)


def test_the_encoders_weights_are_a_function_of_the_seed(compose: Callable[..., DictConfig]) -> None:
    weights = []
    for seed in (0, 0, 1):
        torch.rand(3)
        encoder = build_encoder(compose(f"seed={seed}", "backbone.widths=[8,16]"))
        weights.append(encoder.backbone.stem[0].weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("scale", "method", "base_lr"), [("laptop", "swav", 0.6), ("cifar", "supervised", 0.1), ("cifar", "simo", 0.03)]
)
def test_a_scale_keeps_the_learning_rates_of_methods_of_another_kind(
    scale: str, method: str, base_lr: float, compose: Callable[..., DictConfig]
) -> None:
    assert compose(f"method={method}", f"scale={scale}").base_lr == base_lr
    assert compose(f"method={method}", f"scale={scale}", "base_lr=0.7").base_lr == 0.7


@pytest.mark.parametrize(
    ("scale", "method", "tau"),
    [
        ("laptop", "moco_v1", 0.2),
        ("laptop", "simclr", 0.2),
        ("cifar", "npid", 0.1),
        ("cifar", "simclr", 0.1),
        ("cifar", "moco_v1", 0.07),
    ],
)
def test_a_scale_may_have_temperatures_of_its_own(
    scale: str, method: str, tau: float, compose: Callable[..., DictConfig]
) -> None:
    assert compose(f"method={method}", f"scale={scale}").tau == tau
    assert compose(f"method={method}", f"scale={scale}", "tau=0.3").tau == 0.3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["backbone.arch=vit_tiny_patch16_224"], r"Input height \(28\) doesn't match model \(224\)"),
        (
            ["backbone.arch=vit_tiny_patch16_224", "+backbone.img_size=32", "augment.size=32", "augment=multi_crop"],
            "16",
        ),
        (["+backbone.foo=3"], "unexpected keyword argument 'foo'"),
    ],
    ids=["size", "small_size", "option"],
)
def test_a_backbone_that_cannot_take_the_views_is_one_line(
    overrides: list[str], message: str, compose: Callable[..., DictConfig]
) -> None:
    with pytest.raises(ConfigError, match=rf"^backbone=timm: .*{message}") as caught:
        build_encoder(compose("backbone=timm", *overrides))
    assert len(str(caught.value).splitlines()) == 1


def test_seeing_what_a_backbone_takes_leaves_no_trace(compose: Callable[..., DictConfig]) -> None:
    net = build_encoder(compose("backbone.widths=[8,16]")).backbone
    assert net.training and all(int(steps) == 0 for name, steps in net.named_buffers() if "num_batches" in name)
