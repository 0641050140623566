"""A Faster R-CNN with a feature pyramid on one of the project's ResNets.

Lin et al. 2017 (FPN); the box head of 4 convolutions and one linear layer, with batch normalisation in all new layers
but those of the region proposals, is that of EqCo's Table 9 (Zhu et al. 2020). The parts are torchvision's.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.models.resnet import ResNet
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from contrastive_lab.backbone import SmallResNet
from contrastive_lab.detect.sampler import Sampler
from contrastive_lab.randomness import StepRandom

PAPER_SCALE, CANONICAL = 8, 224  # anchors of 8 strides; a box of 224 pixels is cut from the fourth level (Lin et al.)
ROI = 7  # side of what is cut out for a box, in cells


@dataclass(frozen=True)
class Sizes:
    """How large a detector is.

    `channels` of the pyramid and of the head's `convolutions`, `hidden` units of its linear layer; stages of the
    backbone with less than `least_stride` are left out; anchors are `anchor_scale` strides long. Of an image `anchors`
    and `rois` are sampled for the losses, these out of `proposals`; `test_proposals` are looked at in tests, of which
    `detections` at most are given.
    """

    channels: int = 256
    convolutions: int = 4
    hidden: int = 1024
    least_stride: int = 4
    anchor_scale: float = 8.0
    anchors: int = 256
    rois: int = 512
    proposals: int = 2000
    test_proposals: int = 1000
    detections: int = 100


def stages(backbone: nn.Module) -> list[nn.Module]:
    """The stages of a ResNet of torchvision, with any stem, or of the small one: each takes what the last one gives.

    ValueError for a backbone without stages of feature maps.
    """
    if isinstance(backbone, ResNet):
        stem = nn.Sequential(backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool)
        return [nn.Sequential(stem, backbone.layer1), backbone.layer2, backbone.layer3, backbone.layer4]
    if isinstance(backbone, SmallResNet):
        first, *others = backbone.blocks
        return [nn.Sequential(backbone.stem, first), *others]
    raise ValueError("has no stages of feature maps; take a ResNet of torchvision (resnet18_3x3, ...) or small_resnet")


class Pyramid(nn.Module):
    """Stages and the feature pyramid on them: images (n, 3, H, W) -> maps (n, channels, h, w) by level, and a pool.

    `strides` are the pixels between two cells of each level, the pool's last. ValueError if no stage reaches
    `least_stride`.
    """

    def __init__(self, parts: Sequence[nn.Module], channels: int, least_stride: int) -> None:
        super().__init__()
        self.stages, self.out_channels = nn.ModuleList(parts), channels
        widths, strides = _measured(parts)
        self.first = next((i for i, stride in enumerate(strides) if stride >= least_stride), len(strides))
        if self.first == len(strides):
            raise ValueError(f"detector.least_stride={least_stride}: the stages have strides of {strides}")
        self.strides = [*strides[self.first :], 2 * strides[-1]]
        pool = LastLevelMaxPool()
        self.fpn = FeaturePyramidNetwork(widths[self.first :], channels, pool, norm_layer=nn.BatchNorm2d)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The maps by name, "0" and so on, "pool" last."""
        maps, x = OrderedDict[str, Tensor](), images
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i >= self.first:
                maps[str(i - self.first)] = x
        return cast(dict[str, Tensor], self.fpn(maps))


def _measured(parts: Sequence[nn.Module]) -> tuple[list[int], list[int]]:
    """Channels and stride of each stage, by an image of zeros that leaves no trace in the statistics."""
    widths, strides, x = list[int](), list[int](), torch.zeros(1, 3, 64, 64)
    for stage in parts:
        training = stage.training
        with torch.no_grad():
            x = stage.eval()(x)
        stage.train(training)
        widths.append(x.shape[1])
        strides.append(64 // x.shape[2])
    return widths, strides


class AsItIs(GeneralizedRCNNTransform):  # type: ignore[misc]  # torchvision has no types
    """Torchvision's normalisation and padding without its resizing: scenes come resized."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """The image as it is."""
        return image, target


class Detector(nn.Module):
    """Faster R-CNN for so many classes, the background not counted; `mean` and `std` normalise images in [0, 1].

    What is sampled for the losses is a function of the batch's random numbers and of the place in it alone.
    """

    def __init__(
        self, parts: Sequence[nn.Module], classes: int, sizes: Sizes, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        pyramid = Pyramid(parts, sizes.channels, sizes.least_stride)
        names = [str(i) for i in range(len(pyramid.strides) - 1)]
        scale = round(CANONICAL * sizes.anchor_scale / PAPER_SCALE)
        shapes = tuple((round(sizes.anchor_scale * stride),) for stride in pyramid.strides)
        convolutions = [sizes.channels] * sizes.convolutions
        given: dict[str, Any] = {
            "rpn_anchor_generator": AnchorGenerator(shapes, ((0.5, 1.0, 2.0),) * len(shapes)),
            "box_roi_pool": MultiScaleRoIAlign(names, ROI, 2, canonical_scale=scale),
            "box_head": FastRCNNConvFCHead((sizes.channels, ROI, ROI), convolutions, [sizes.hidden], nn.BatchNorm2d),
            "box_predictor": FastRCNNPredictor(sizes.hidden, classes + 1),
            "rpn_pre_nms_top_n_train": sizes.proposals,
            "rpn_post_nms_top_n_train": sizes.proposals,
            "rpn_pre_nms_top_n_test": sizes.test_proposals,
            "rpn_post_nms_top_n_test": sizes.test_proposals,
            "rpn_batch_size_per_image": sizes.anchors,
            "box_batch_size_per_image": sizes.rois,
            "box_detections_per_img": sizes.detections,
        }
        self.strides, self.net = pyramid.strides, FasterRCNN(pyramid, **given)
        self.net.transform = AsItIs(0, 0, [*mean] * (3 // len(mean)), [*std] * (3 // len(std)))
        self.samplers = [Sampler("anchors", sizes.anchors, 0.5), Sampler("rois", sizes.rois, 0.25)]
        self.net.rpn.fg_bg_sampler, self.net.roi_heads.fg_bg_sampler = self.samplers

    def losses(
        self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]], random: StepRandom
    ) -> dict[str, Tensor]:
        """The four losses of a batch, images (3, H, W) in [0, 1]: of objectness, proposals, classes and boxes."""
        for sampler in self.samplers:
            sampler.random = random
        found = self.net([*images], [*targets])
        names = {"loss_objectness": "objectness", "loss_rpn_box_reg": "proposals", "loss_classifier": "classes"}
        return {names.get(name, "boxes"): value for name, value in found.items()}

    def forward(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """What is found in each image (3, H, W), in eval mode: boxes (m, 4), labels (m,) from 1, scores (m,)."""
        return cast(list[dict[str, Tensor]], self.net([*images]))
