"""Half precision at the ends of tau and alpha, where all vectors lie beside each other."""

from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.encoder import build_head
from contrastive_lab.run import build
from tests.test_method.batches import CONTRASTIVE, METHODS, OBJECTIVE, asked

pytestmark = pytest.mark.long

ENDS = [
    (name, alpha) for name in METHODS for alpha in (("1e9", "inf") if name in OBJECTIVE else ("null",))
]  # of a method without negatives, or with a loss of its own, there is no alpha
SMALL = ("backbone.widths=[8,16]", "head.dim=16", "batch_size=16", "dataset.images=null")


class Beside(nn.Module):
    """Moves all vectors far from the origin, so that their cosines are nearly 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 100


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("name", "alpha"), ENDS)
def test_loss_and_gradient_are_finite(
    name: str,
    alpha: str,
    dtype: torch.dtype,
    compose: Callable[..., DictConfig],
    splits: Splits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "build_head", lambda **known: nn.Sequential(build_head(**known), Beside()))
    K, tau = ("K=5" if name in CONTRASTIVE else "K=null"), () if name in ("supervised", "finetune") else ("tau=0.01",)
    config = compose(*SMALL, *tau, *asked(name), K, f"alpha={alpha}")
    monkeypatch.setattr(build, "build_splits", lambda config: splits)
    data: ViewsDataModule = build.build_data(config)
    method = build.build_method(config, data)
    with torch.autocast("cpu", dtype=dtype):
        batch = data.batch(next(data.positions(0)))
        vectors = method.encoder(batch.views[0])[1]
        loss = method(batch)[1].mean()
    assert (vectors @ vectors.T).min() > 0.99
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    gradients = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)
