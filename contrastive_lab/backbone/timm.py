"""Any model of the timm library as a backbone."""

from typing import Any

from torch import nn


def timm_model(arch: str, zero_init_residual: bool = False, **options: Any) -> nn.Module:
    """Timm's model `arch`, untrained, without its classifier.

    Args:
        arch: e.g. "resnet26" or "vit_tiny_patch16_224"; `timm.list_models()` lists them.
        zero_init_residual: start each residual block of a timm ResNet as the identity; no other model has it.
        options: passed on to `timm.create_model`, e.g. `img_size=32` for a ViT.

    Raises:
        ValueError: if timm has no such model.
    """
    import timm  # only here: it takes seconds to import

    if not timm.is_model(arch):
        raise ValueError(f"backbone.arch={arch}: timm has no such model; timm.list_models() lists them")
    net = timm.create_model(arch, pretrained=False, num_classes=0, **options)
    if isinstance(net, timm.models.ResNet):
        net.init_weights(zero_init_last=zero_init_residual)
    net.num_features = getattr(net, "head_hidden_size", None) or net.num_features  # some widen after the last block
    return net
