"""The detector on our backbones."""

import pytest
import torch
import torchvision
from torch import nn

from contrastive_lab.backbone import imagenet_resnet, small_image_resnet, small_resnet
from contrastive_lab.detect.network import Pyramid, stages
from contrastive_lab.randomness import StepRandom
from tests.small_scenes import detector

RANDOM = StepRandom(0, 0, 0, 2, 0, 2)


@pytest.mark.parametrize(
    ("backbone", "strides"),
    [
        (small_resnet(), [4, 8, 16]),
        (small_image_resnet("resnet18"), [4, 8, 16]),
        (imagenet_resnet("resnet18"), [4, 8, 16, 32, 64]),
    ],
    ids=["small", "3x3", "imagenet"],
)
def test_the_stages_give_what_the_backbone_pools(backbone: nn.Module, strides: list[int]) -> None:
    images = torch.rand(1, 3, 64, 64)
    backbone.eval()
    x = images
    for stage in stages(backbone):
        x = stage(x)
    assert torch.allclose(x.mean(dim=(2, 3)), backbone(images), atol=1e-5)
    pyramid = Pyramid(stages(backbone), 8, 4)
    assert pyramid.strides == strides
    assert [64 // level.shape[2] for level in pyramid(images).values()] == strides


@pytest.mark.long
def test_the_levels_are_those_of_torchvisions_own_pyramid() -> None:
    """On ResNet-50: strides 4 to 64 and the channels of its four stages."""
    own = torchvision.models.detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=91)
    inner = [block[0].in_channels for block in own.backbone.fpn.inner_blocks]
    pyramid = Pyramid(stages(imagenet_resnet("resnet50")), 256, 4)
    assert [block[0].in_channels for block in pyramid.fpn.inner_blocks] == inner == [256, 512, 1024, 2048]


@pytest.mark.parametrize("made", [nn.Linear(2, 2), torchvision.models.mobilenet_v3_small()])
def test_a_backbone_without_stages_is_an_error(made: nn.Module) -> None:
    with pytest.raises(ValueError, match="has no stages of feature maps"):
        stages(made)
    with pytest.raises(ValueError, match=r"detector.least_stride=99: the stages have strides of \[2, 4\]"):
        Pyramid(stages(small_resnet((8, 16))), 8, 99)


def test_images_with_and_without_boxes_have_finite_losses_and_gradients() -> None:
    net = detector()
    boxes = {"boxes": torch.tensor([[4.0, 4, 30, 30]]), "labels": torch.tensor([2])}
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    images = [torch.rand(3, 64, 64), torch.rand(3, 48, 64)]
    for targets in ([boxes, empty], [empty, empty]):
        losses = net.losses(images, targets, RANDOM)
        assert {*losses} == {"objectness", "proposals", "classes", "boxes"}
        total = torch.stack([*losses.values()]).sum()
        total.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_the_head_is_the_papers_and_nothing_is_resized() -> None:
    net = detector()
    kinds = [type(layer).__name__ for layer in net.net.roi_heads.box_head]
    assert kinds == ["Conv2dNormActivation"] * 2 + ["Flatten", "Linear", "ReLU"]
    image = torch.rand(3, 40, 64)
    given, _ = net.net.transform([image])
    assert given.image_sizes == [(40, 64)]
    assert torch.allclose(given.tensors[0, :, :40, :64], (image - 0.3) / 0.4)


def test_what_is_found_lies_in_the_image() -> None:
    net = detector().eval()
    with torch.no_grad():
        (found,) = net([torch.rand(3, 48, 64)])
    assert len(found["boxes"]) <= 10
    assert (found["boxes"] >= 0).all() and (found["boxes"] <= torch.tensor([64.0, 48, 64, 48])).all()
    assert ((found["labels"] >= 1) & (found["labels"] <= 5)).all()
