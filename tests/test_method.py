from collections.abc import Callable

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from contrastive_lab.dataset import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import info_nce
from contrastive_lab.method import MoCo, SimCLR, SiMo
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.randomness import StepRandom
from contrastive_lab.run.build import build_encoder, build_method

METHODS = ("simclr", "moco_v1", "moco_v2", "simo")
N, D = 8, 5


class Flat(nn.Module):
    """A backbone without batch normalisation: a linear map of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.num_features = D
        self.map = nn.Linear(12, D)

    def forward(self, images: Tensor) -> Tensor:
        return self.map(images.flatten(1))


def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(Flat(), nn.Identity()).double()


def batch(step: int = 0) -> Batch:
    source = torch.Generator().manual_seed(step)
    views = [torch.randn(N, 3, 2, 2, generator=source, dtype=torch.float64) for _ in range(2)]
    ids = torch.arange(step * N, (step + 1) * N)
    return Batch(views, ids, StepRandom(0, 0, step, N, 0, N), None)


def methods() -> list[ContrastiveModule]:
    """Every source of negatives once, momentum high enough for keys to differ from queries."""
    return [
        SiMo(encoder(), K=3, momentum=0.9),
        SiMo(encoder(), K=3, negatives_per="batch"),
        MoCo(encoder(), K=11, momentum=0.9),
        MoCo(encoder(), K=11, symmetric=True),
        SimCLR(encoder(), K=5),
        SimCLR(encoder(), pool="N-1"),
        SimCLR(encoder()),
    ]


@pytest.mark.parametrize("index", range(7))
def test_a_query_never_meets_its_own_image(index: int) -> None:
    method = methods()[index].double()
    for step in range(4):
        pairs = method.pairs(batch(step))
        assert not (pairs.neg_ids == pairs.ids[:, None]).any()
        assert pairs.neg.shape[0] == pairs.pos.shape[0] == pairs.ids.shape[0] == sum(len(q) for q in pairs.queries)
        assert pairs.neg.shape[1] == pairs.neg_ids.shape[1]
        method.after_step()


@pytest.mark.parametrize("index", range(7))
def test_pairs_change_no_state(index: int) -> None:
    method = methods()[index].double()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    first, second = method.pairs(batch()), method.pairs(batch())
    assert torch.equal(first.neg, second.neg)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


def test_simclr_is_nt_xent() -> None:
    method, tau = SimCLR(encoder(), tau=0.5).double(), 0.5
    pairs = method.pairs(batch())
    z = torch.cat([method.encoder(view)[1] for view in batch().views])
    total = 0.0
    for i in range(2 * N):  # Algorithm 1 of the paper, in its own loop; the pair of i is i + N or i - N
        j = (i + N) % (2 * N)
        others = sum(torch.exp(z[i] @ z[k] / tau) for k in range(2 * N) if k != i)
        total -= torch.log(torch.exp(z[i] @ z[j] / tau) / others)
    assert pairs.neg.shape == (2 * N, 2 * N - 2)
    torch.testing.assert_close(info_nce(pairs.pos, pairs.neg, tau), total / (2 * N))


@pytest.mark.parametrize("share", ["query", "batch"])
def test_simo_contrasts_queries_with_chosen_keys_of_the_key_encoder(share: str) -> None:
    method = SiMo(encoder(), K=3, negatives_per=share, momentum=0.5).double()  # type: ignore[arg-type]
    with torch.no_grad():
        method.encoder.backbone.map.weight.mul_(-1.0)  # else queries' and keys' encoders could be mistaken
    pairs = method.pairs(batch())
    query = method.encoder(batch().views[0])[1].detach()
    key = method.key_encoder.encoder(batch().views[1])[1]
    for i in range(N):
        assert pairs.pos[i].item() == pytest.approx((query[i] @ key[i]).item())
        for k in range(3):
            assert pairs.neg[i, k].item() == pytest.approx((query[i] @ key[pairs.neg_ids[i, k]]).item())


def test_simclr_with_K_contrasts_with_a_view_of_each_chosen_image() -> None:
    pairs = SimCLR(encoder(), K=5).double().pairs(batch())
    z = [encoder()(view)[1] for view in batch().views]
    for i in range(2 * N):
        query, other = z[i // N][i % N], z[1 - i // N][i % N]
        assert pairs.pos[i].item() == pytest.approx((query @ other).item())
        for k in range(5):
            image = pairs.neg_ids[i, k]
            assert min(abs(pairs.neg[i, k] - query @ view[image]) for view in z) < 1e-12


def test_simclr_sends_gradient_through_queries_and_keys_but_diagnoses_queries_alone() -> None:
    method = SimCLR(encoder(), pool="N-1").double()
    z1 = method.encoder(batch().views[0])[1]
    pairs = method.pairs(batch())
    losses = info_nce(pairs.pos, pairs.neg, 0.5, reduction="none")
    gradient = torch.autograd.grad(losses.sum(), pairs.queries[0], retain_graph=True)[0]
    # The same with the keys held fixed.
    query, keys = z1.detach().requires_grad_(), method.encoder(batch().views[1])[1].detach()
    sim = query @ keys.T
    neg = sim[~torch.eye(N, dtype=torch.bool)].view(N, N - 1)
    fixed = info_nce(sim.diagonal(), neg, 0.5, reduction="none").sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(fixed, query)[0])


def test_moco_contrasts_with_the_queue_as_it_was_and_pushes_after_the_step() -> None:
    method = MoCo(encoder(), K=11, momentum=0.5).double()
    start = method.queue.keys.clone()
    pairs = method.pairs(batch())
    query = method.encoder(batch().views[0])[1]
    torch.testing.assert_close(pairs.neg, query @ start.T)
    keys = method.key_encoder(batch().views[1], batch().random)
    torch.testing.assert_close(pairs.pos, (query * keys).sum(1))
    method.after_step()
    assert method.queue.in_order().tolist() == [-1, -1, -1, *range(N)]
    torch.testing.assert_close(method.queue.keys[:N], keys)


def test_symmetric_moco_is_the_mean_of_both_directions() -> None:
    first, second = batch(), batch()._replace(views=batch().views[::-1])
    both = MoCo(encoder(), K=11, symmetric=True).double().pairs(first)
    single = [MoCo(encoder(), K=11).double().pairs(b) for b in (first, second)]
    means = [info_nce(pairs.pos, pairs.neg, 0.2) for pairs in single]
    torch.testing.assert_close(info_nce(both.pos, both.neg, 0.2), (means[0] + means[1]) / 2)


def test_key_encoder_follows_and_gets_no_gradient() -> None:
    method = SiMo(encoder(), K=3, momentum=0.75).double()
    with torch.no_grad():
        method.encoder.backbone.map.weight.add_(1.0)
    before = method.key_encoder.encoder.backbone.map.weight.clone()
    method.after_step()
    moved = method.key_encoder.encoder.backbone.map.weight - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.25))
    info_nce(*method.pairs(batch())[:2], 0.2).backward()
    assert all(p.grad is None for p in method.key_encoder.parameters())
    assert method.encoder.backbone.map.weight.grad is not None


def test_shuffling_permutes_images_and_puts_keys_back() -> None:
    plain, shuffled = (SiMo(encoder(), batchnorm=kind).double() for kind in ("sync", "shuffle"))
    keys = [method.key_encoder(batch().views[1], batch().random) for method in (plain, shuffled)]
    torch.testing.assert_close(*keys)  # no batch normalisation here, so nothing but the order could differ
    seen = []
    shuffled.key_encoder.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    shuffled.key_encoder(batch().views[1], batch().random)
    assert not torch.equal(seen[0], batch().views[1])


@pytest.mark.parametrize("name", METHODS)
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
    config = compose(f"method={name}", "K=7", "alpha=99", "tau=0.3", "backbone.widths=[8,16]", "head.dim=16")
    method = build_method(config)
    assert (method.alpha, method.tau) == (99, 0.3)
    assert (method.queue.keys.shape == (7, 16)) if isinstance(method, MoCo) else method.K == 7
    assert method.optim.lr == pytest.approx(config.base_lr * config.batch_size / 256)


def test_the_encoders_weights_are_a_function_of_the_seed(compose: Callable[..., DictConfig]) -> None:
    weights = []
    for seed in (0, 0, 1):
        torch.rand(3)
        encoder = build_encoder(compose(f"seed={seed}", "backbone.widths=[8,16]"))
        weights.append(encoder.backbone.stem[0].weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_no_method_is_subclassed_and_the_base_is_abstract() -> None:
    assert {cls.__bases__ for cls in (SiMo, MoCo, SimCLR)} == {(ContrastiveModule,)}
    with pytest.raises(TypeError, match="abstract"):
        ContrastiveModule(encoder(), 0.1)  # type: ignore[abstract]
    assert issubclass(ContrastiveModule, pl.LightningModule)


def test_momentum_0_makes_the_key_encoder_a_copy_after_every_step() -> None:
    """EqCo, Table 6."""
    method = SiMo(encoder(), K=3, momentum=0.0).double()
    with torch.no_grad():
        method.encoder.backbone.map.weight.add_(1.0)
    method.after_step()
    assert torch.equal(method.key_encoder.encoder.backbone.map.weight, method.encoder.backbone.map.weight)


@pytest.mark.parametrize("overrides", [["method.momentum=0"], ["batchnorm=shuffle"], ["method.negatives_per=batch"]])
def test_simos_ablations_build(overrides: list[str], compose: Callable[..., DictConfig]) -> None:
    """EqCo, Tables 6 and 7 and Remark 2."""
    method = build_method(compose("method=simo", *overrides, "backbone.widths=[8,16]"))
    found = (method.key_encoder.momentum == 0, method.key_encoder.shuffle, method.negatives_per == "batch")
    assert found == tuple(
        overrides == [text] for text in ("method.momentum=0", "batchnorm=shuffle", "method.negatives_per=batch")
    )
