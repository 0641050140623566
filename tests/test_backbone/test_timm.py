"""Backbones of the timm library."""

import pytest
import torch

from contrastive_lab.backbone import timm_model


def test_any_timm_name() -> None:
    net = timm_model("resnet10t", zero_init_residual=True)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, net.num_features)
    wider = timm_model("mobilenetv3_small_050").eval()  # widens after its last block
    assert wider(torch.zeros(1, 3, 32, 32)).shape == (1, wider.num_features)
    with pytest.raises(ValueError, match="timm has no such model"):
        timm_model("resnet_of_nobody")
