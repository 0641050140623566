from collections.abc import Callable

import pytest
import torchvision
from omegaconf import DictConfig

from contrastive_lab.config.paper import paper_differences

Compose = Callable[..., DictConfig]


def test_what_differs_from_the_paper_is_told(compose: Compose) -> None:
    lines = paper_differences(compose("method=moco_v2", "tau=0.1"))
    assert "tau 0.1 (paper: 0.2)" in lines
    assert "dataset.name fashion_mnist_mini (paper: image_folder)" in lines
    assert not [line for line in lines if line.startswith("alpha")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("backbone=resnet18", "backbone.name resnet18 (paper: resnet50)"),
        ("backbone=resnet50 backbone.arch=resnet34", "backbone.name resnet50 (resnet34) (paper: resnet50)"),
        ("backbone=timm backbone.arch=resnet26", "backbone.name timm (resnet26) (paper: resnet50)"),
        ("backbone=resnet50 backbone.width=2", "backbone.width 2 (paper: 1)"),
        ("backbone=resnet50", None),
        ("backbone=small_resnet", "backbone.name small_resnet (paper: resnet50)"),
    ],
)
def test_another_backbone_is_told_with_its_architecture(line: str, told: str | None, compose: Compose) -> None:
    lines = [
        text for text in paper_differences(compose("method=moco_v2", *line.split())) if text.startswith("backbone")
    ]
    assert lines == ([told] if told else [])


def test_every_resnet_of_torchvision_is_a_backbone_by_its_name(compose: Compose) -> None:
    names = [name for name in torchvision.models.list_models(torchvision.models) if "resne" in name]
    assert len(names) >= 10
    for name in names:
        assert compose(f"backbone={name}").backbone.arch == name


@pytest.mark.parametrize(
    ("line", "key", "told"),
    [
        ("method=simo", "augment.small_", 0),  # the size of small views, which SiMo has none of
        ("method=swav augment.small_views=0", "augment.small_", 1),  # their number alone
        ("method=swav augment.small_views=2", "augment.small_", 3),  # their size and crops, too
        ("method=moco_v2 augment.blur=0.5 augment.blur_sigma=[1,2]", "augment.blur_sigma", 1),
        ("method=moco_v2 augment.blur=0 augment.blur_sigma=[1,2]", "augment.blur_sigma", 0),
        ("method=moco_v2 augment.color.hue=0.2", "augment.color", 1),
        ("method=moco_v2 augment.color.hue=0.2 augment.color.p=0", "augment.color", 1),  # p
        ("method=moco_v2 batchnorm=sync", "batchnorm.", 1),  # the kind, without MoCo's groups
        ("method=moco_v2 head.kind=none head.dim=7", "head.", 1),  # the kind
        ("method=moco_v2 head.layers=3", "head.", 1),
        ("method=moco_v2 head.layers=3 head.kind=linear", "head.", 1),  # the kind
        ("method=simo loss=spectral alpha=null", "tau", 0),
        ("method=simo loss=spectral alpha=null", "alpha", 0),
        ("method=moco_v2 optim.milestones=[0.5]", "optim.milestones", 0),
        ("method=moco_v2 optim.milestones=[0.5] optim.schedule=steps", "optim.milestones", 1),
    ],
)
def test_what_nothing_uses_is_not_told(line: str, key: str, told: int, compose: Compose) -> None:
    assert len([text for text in paper_differences(compose(*line.split())) if text.startswith(key)]) == told
