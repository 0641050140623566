import pytest
import torch
from torch import nn

from contrastive_lab.batchnorm import GlobalBatchNorm, convert


def random_norm(features: int = 5) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(features).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("groups", [None, 1])
@pytest.mark.parametrize("shape", [(12, 5), (12, 5, 3, 4)])
def test_one_group_is_plain_batch_normalisation(shape: tuple[int, ...], groups: int | None) -> None:
    plain = random_norm() if len(shape) == 4 else nn.BatchNorm1d(5).double()
    ours = GlobalBatchNorm(plain, groups)
    ours.running_mean, ours.running_var = plain.running_mean.clone(), plain.running_var.clone()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(shape, dtype=torch.float64)
    results = []
    for norm in (plain, ours):
        y = norm(x)
        results.append((y, torch.autograd.grad((y * weights).sum(), [x, norm.weight, norm.bias])))
    torch.testing.assert_close(results[0], results[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(plain.running_mean, ours.running_mean)
    torch.testing.assert_close(plain.running_var, ours.running_var)
    plain.eval(), ours.eval()
    torch.testing.assert_close(plain(x), ours(x), rtol=1e-10, atol=1e-10)


def test_groups_are_normalised_by_themselves() -> None:
    norm = random_norm()
    x = torch.randn(12, 5, 2, 2, dtype=torch.float64)
    expected = torch.cat(
        [nn.functional.batch_norm(part, None, None, norm.weight, norm.bias, True) for part in x.chunk(3)]
    )
    torch.testing.assert_close(GlobalBatchNorm(norm, groups=3)(x), expected, rtol=1e-10, atol=1e-10)


def test_running_statistics_are_the_mean_over_groups() -> None:
    norm = GlobalBatchNorm(nn.BatchNorm1d(2).double(), groups=2)
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0], [10.0, 5.0], [14.0, 5.0]], dtype=torch.float64)
    norm(x)
    # Means of the groups: (1, 2) and (12, 5); unbiased variances: (2, 2) and (8, 0); momentum 0.1 from 0 and 1.
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.65, 0.35], dtype=torch.float64))
    torch.testing.assert_close(norm.running_var, torch.tensor([0.9 + 0.5, 0.9 + 0.1], dtype=torch.float64))


def test_conversion_reaches_every_layer_and_keeps_the_state() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4)))
    keys = list(net.state_dict())
    convert(net, "split", groups=8, world_size=2)
    norms = [module for module in net.modules() if isinstance(module, GlobalBatchNorm)]
    assert [norm.groups for norm in norms] == [4, 4]
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert list(net.state_dict()) == keys


def test_sync_on_one_process_and_plain_stay_torchs_own() -> None:
    for kind in ("sync", "plain"):
        assert isinstance(convert(nn.BatchNorm2d(2), kind), nn.BatchNorm2d)  # type: ignore[arg-type]
    assert isinstance(convert(nn.BatchNorm2d(2), "sync", world_size=2), GlobalBatchNorm)
    assert isinstance(convert(nn.BatchNorm2d(2), "sync", world_size=2, accelerator="gpu"), nn.SyncBatchNorm)


def test_as_many_groups_as_processes_are_not_the_global_batch() -> None:
    assert convert(nn.BatchNorm2d(2), "split", groups=4, world_size=4).groups == 1
    assert convert(nn.BatchNorm2d(2), "sync", world_size=4).groups is None


def test_timms_normalisations_keep_their_activation() -> None:
    layers = pytest.importorskip("timm.layers")
    like = layers.BatchNormAct2d(4).eval()
    x = torch.randn(6, 4, 2, 2)
    expected = like(x)
    assert (expected >= 0).all()
    torch.testing.assert_close(convert(like, "split", groups=2).eval()(x), expected)


def test_groups_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"batchnorm.groups=8 .* 3 processes"):
        convert(nn.BatchNorm2d(2), "split", groups=8, world_size=3)
    with pytest.raises(ValueError, match="not 7 rows"):
        GlobalBatchNorm(nn.BatchNorm1d(2), groups=2)(torch.randn(7, 2))


@pytest.mark.parametrize("shape", [(12, 5), (12, 5, 3, 4)])
def test_groups_are_torchs_own_to_the_bit(shape: tuple[int, ...]) -> None:
    """Output and gradient of nn.BatchNorm on each group; running statistics: the mean of what each group's would be."""
    make = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    x = (100 + torch.randn(shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    ours = GlobalBatchNorm(make(5), groups=3)
    alone = [make(5, momentum=1.0) for _ in range(3)]
    y, expected = ours(x), torch.cat([norm(rows) for norm, rows in zip(alone, x.chunk(3), strict=True)])
    assert torch.equal(y, expected)
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(*(torch.autograd.grad((out * weights).sum(), x)[0] for out in (y, expected)))
    mean, var = (
        torch.stack([getattr(norm, name) for norm in alone]).mean(0) for name in ("running_mean", "running_var")
    )
    torch.testing.assert_close(ours.running_mean, 0.1 * mean)
    torch.testing.assert_close(ours.running_var, 0.9 + 0.1 * var)
    exact = torch.stack([rows.double().transpose(0, 1).flatten(1).var(1) for rows in x.chunk(3)]).mean(0)
    torch.testing.assert_close(ours.running_var.double(), 0.9 + 0.1 * exact, rtol=1e-6, atol=0)
