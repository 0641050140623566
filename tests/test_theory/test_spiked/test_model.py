"""The spiked covariance model: losses over all masks and pairs, closed forms, samples."""

import itertools
import math

import pytest
import torch

from contrastive_lab.randomness import generator
from contrastive_lab.theory.spiked.model import (
    Spiked,
    autoencoder_loss,
    best_contrastive,
    contrastive_loss,
    contrastive_matrix,
    descend,
    off_diagonal,
    sine_distance,
    spiked,
    subspace,
    supervised_matrix,
)

# Measured once with another implementation, 5 models.
BIAS = {20: 0.267, 40: 0.162, 80: 0.094, 160: 0.049, 320: 0.024}  # d -> CL at n = infinity, r = 5


def normal(*shape: int, key: str = "test") -> torch.Tensor:
    return torch.randn(shape, generator=generator(key, *shape), dtype=torch.float64)


def masks(d: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=d)), dtype=torch.float64)


def test_masking_leaves_a_quarter_of_the_off_diagonal() -> None:
    x = normal(6)
    mean = torch.stack([torch.outer(a * x, (1 - a) * x) for a in masks(6)]).mean(dim=0)
    torch.testing.assert_close(mean, off_diagonal(torch.outer(x, x)) / 4, rtol=0, atol=1e-14)


def test_the_loss_of_the_matrix_is_the_loss_over_all_masks_of_all_pairs() -> None:
    n, d, lam = 3, 4, 0.7
    x, W = normal(n, d) + 0.5, normal(2, d)
    encode = [[W @ (a * row) for a in masks(d)] for row in x]
    rest = [[W @ ((1 - a) * row) for a in masks(d)] for row in x]
    positive = sum(float(h @ k) for i in range(n) for h, k in zip(encode[i], rest[i], strict=True)) / (n * 16)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    negative = sum(float(h @ k) for i, j in pairs for h in encode[i] for k in rest[j]) / (len(pairs) * 16**2)
    penalty = lam / 2 * float((W @ W.T).square().sum())
    loss = contrastive_loss(W, contrastive_matrix(x) / 4, lam).item()
    assert loss == pytest.approx(negative - positive + penalty, rel=1e-12)


def test_the_matrix_is_the_formula_of_the_paper() -> None:
    n, d = 7, 5
    X = (normal(n, d) + 1).T
    positive, negative = X @ X.T, X @ (torch.ones(n, n) - torch.eye(n)).double() @ X.T
    for made, found in ((off_diagonal(positive), contrastive_matrix(X.T)), (positive, torch.cov(X))):
        torch.testing.assert_close(found, (made - negative / (n - 1)) / n, rtol=1e-12, atol=1e-14)


def test_without_the_mask_contrastive_learning_is_pca() -> None:
    x = normal(300, 10) * torch.linspace(1, 3, 10) + 2
    centred = x - x.mean(dim=0)
    pca = torch.linalg.svd(centred, full_matrices=False).Vh[:3].T
    assert sine_distance(subspace(torch.cov(x.T), 3), pca) < 1e-12
    assert sine_distance(subspace(contrastive_matrix(x), 3), pca) > 0.1


def test_the_supervised_matrix_is_a_mean_over_pairs() -> None:
    x, classes = normal(8, 3), torch.tensor([0, 0, 1, 1, 1, 2, 2, 0])
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    same = [torch.outer(x[i], x[j]) for i, j in pairs if classes[i] == classes[j]]
    other = [torch.outer(x[i], x[j]) for i, j in pairs if classes[i] != classes[j]]
    expected = torch.stack(same).mean(dim=0) - torch.stack(other).mean(dim=0)
    torch.testing.assert_close(supervised_matrix(x, classes), expected, rtol=1e-12, atol=1e-14)
    for useless in (torch.zeros(8).long(), torch.arange(8)):
        with pytest.raises(ValueError, match="of one class and of two"):
            supervised_matrix(x, useless)


@pytest.mark.parametrize("lam", [1.0, 0.3])
def test_gradient_descent_of_the_contrastive_loss_reaches_the_closed_form(lam: float) -> None:
    source = generator("descent")
    x, _ = spiked(20, 3, "two", source).sample(2000, source)
    M = contrastive_matrix(x)
    best, lowest = best_contrastive(M, 3, lam)
    W, reached = descend(lambda W: contrastive_loss(W, M, lam), 0.1 * normal(3, 20), 0.1, 400)
    assert contrastive_loss(best, M, lam).item() == pytest.approx(lowest, rel=1e-12)
    assert reached == pytest.approx(lowest, rel=1e-6)
    torch.testing.assert_close(W.T @ W, best.T @ best, rtol=0, atol=1e-6)


def test_the_contrastive_minimum_leaves_out_negative_eigenvalues() -> None:
    M = torch.diag(torch.tensor([2.0, 1.0, -1.0, -3.0], dtype=torch.float64))
    W, lowest = best_contrastive(M, 3, lam=0.5)
    assert lowest == pytest.approx(-(2**2 + 1**2) / (2 * 0.5))
    torch.testing.assert_close(W.T @ W, torch.diag(torch.tensor([4.0, 2, 0, 0], dtype=torch.float64)))


def test_gradient_descent_of_the_autoencoder_reaches_pca() -> None:
    source = generator("descent")
    x, _ = spiked(20, 3, "homo", source).sample(2000, source)
    covariance = torch.cov(x.T)
    W, reached = descend(lambda W: autoencoder_loss(W, covariance), 0.1 * normal(2, 3, 20), 0.05, 400)
    assert reached == pytest.approx(torch.linalg.eigvalsh(covariance)[:-3].sum().item(), rel=1e-6)
    centred = x - x.mean(dim=0)
    left = (centred - centred @ W[0].T @ W[1]).square().sum().item() / (len(x) - 1)
    assert left == pytest.approx(reached, rel=1e-9)
    for weights in W:
        assert sine_distance(subspace(covariance, 3), torch.linalg.qr(weights.T)[0]) < 1e-6


def test_the_sine_distance_has_its_two_forms_and_its_ends() -> None:
    U, V = (torch.linalg.qr(normal(9, 3, key=key))[0] for key in "UV")
    assert sine_distance(U, V) == pytest.approx(math.sqrt(3 - float((U.T @ V).square().sum())), rel=1e-12)
    assert sine_distance(U, V) == pytest.approx(float((U @ U.T - V @ V.T).norm()) / math.sqrt(2), rel=1e-12)
    eye = torch.eye(9, dtype=torch.float64)
    assert sine_distance(eye[:, :3], eye[:, [2, 0, 1]]) == 0
    assert sine_distance(eye[:, :3], eye[:, 3:6]) == pytest.approx(math.sqrt(3))
    turned = torch.tensor([[math.cos(1e-9)], [math.sin(1e-9)]], dtype=torch.float64)
    assert sine_distance(eye[:2, :1], turned) == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize("noise", ["homo", "linear", "two"])
def test_samples_have_the_covariance_of_the_model(noise: str) -> None:
    source = generator("samples", noise)
    model = spiked(8, 2, noise, source, nu=1.5)
    x, z = model.sample(40_000, source)
    # A covariance of n normal draws has standard deviation sqrt((C_ii C_jj + C_ij^2) / n): 5 of them.
    C = model.covariance()
    deviation = ((torch.outer(C.diagonal(), C.diagonal()) + C.square()) / len(x)).sqrt()
    assert ((torch.cov(x.T) - C).abs() < 5 * deviation).all()
    torch.testing.assert_close(model.U.T @ model.U, torch.eye(2).double())
    assert z.std().item() == pytest.approx(1.5, abs=5 * 1.5 / math.sqrt(2 * 80_000))
    assert (model.std.min().item(), model.std.max().item()) == pytest.approx(
        {"homo": (1, 1), "linear": (0.1, 1), "two": (0.3, 2)}[noise]
    )


@pytest.mark.parametrize("d", BIAS)
def test_the_bias_of_masking_falls_as_one_over_d(d: int) -> None:
    models = [spiked(d, 5, "two", generator("bias", d, seed)) for seed in range(480 // (d + 20))]
    biases = [sine_distance(model.U, subspace(off_diagonal(model.signal()), 5)) for model in models]
    mean = sum(biases) / len(biases)
    assert mean == pytest.approx(BIAS[d], rel=0.2)
    # To first order the diagonal P = diag(U U^T) that masking takes away turns U by the norm of (I - U U^T) P U.
    turned = [torch.diag((m.U @ m.U.T).diagonal()) @ m.U for m in models]
    first = [float((PU - m.U @ (m.U.T @ PU)).norm()) for m, PU in zip(models, turned, strict=True)]
    assert mean == pytest.approx(sum(first) / len(first), rel=5 / d)


@pytest.mark.parametrize(("d", "r", "noise", "nu"), [(4, 4, "two", 1), (4, 2, "none", 1), (4, 2, "two", 0)])
def test_a_model_out_of_range_is_an_error(d: int, r: int, noise: str, nu: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        spiked(d, r, noise, generator(0), nu)


def test_a_model_is_plain_tensors() -> None:
    model = Spiked(torch.eye(3).double()[:, :1], torch.tensor([1.0, 2.0, 3.0]).double(), nu=2.0)
    assert model.covariance().diagonal().tolist() == [5, 4, 9]
