"""The closed form of collapsed features: an independent computation, and the mean over all labels."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import Terms

INF = float("inf")
# Derived by an independent computation (tau = 0.5): (C, K + 1) -> L_info, L_sup, E ln(Col + 1), lower bounds (coupon,
# Arora), upper bounds (coupon, Arora exact, Arora as in the authors' code).
COLLAPSED_ETF = {
    (5, 5): (0.663287, 0.283930, 0.490724, 0.333350, 0.573283, 17.4682, 2.62779, 0.246355),
    (5, 16): (1.564010, 0.283930, 1.300509, 0.787725, 1.310379, 2.08489, 7.89817, 7.47743),
    (10, 16): (1.343901, 0.680726, 0.801341, 0.686531, 0.923036, 19.38, 17.9579, 2.12465),
    (10, 32): (1.941668, 0.680726, 1.316887, 0.989059, 1.342353, 3.43801, 20.7948, 16.2402),
    (10, 64): (2.586089, 0.680726, 1.929090, 1.304575, 1.929981, 3.27426, 504.23, 501.515),
    (10, 128): (3.254730, 0.680726, 2.585147, 1.632936, 2.585148, 3.92436, 4.335e5, 4.335e5),
    (100, 128): (2.940277, 2.648317, 0.696611, 1.521978, 1.352878, 1.89e22, 1.77e22, 5.68874),
    (100, 256): (3.611102, 2.648317, 1.155389, 1.864548, 1.353939, 28334.8, 184653, 29.2816),
    (100, 512): (4.292918, 2.648317, 1.734222, 2.188516, 1.749771, 10.2636, 761.351, 433.811),
    (100, 768): (4.694581, 2.648317, 2.104756, 2.376327, 2.105945, 7.49595, 6011.03, 5768.57),
    (100, 1024): (4.980357, 2.648317, 2.375535, 2.511910, 2.375625, 7.60199, 76260.8, 76028.1),
}


@pytest.mark.parametrize(("C", "draws"), COLLAPSED_ETF)
def test_closed_form_of_collapsed_features(C: int, draws: int) -> None:
    terms = collapsed_terms(draws, C)
    *losses, coupon, arora, arora_repo = COLLAPSED_ETF[C, draws]
    found = (terms.L_info, terms.L_sup, terms.collision, bounds.coupon_lower(terms), bounds.arora_lower(terms))
    assert found == pytest.approx(tuple(losses), abs=1e-6)
    upper = (bounds.coupon_exact(terms), bounds.arora_exact(terms))
    assert upper == pytest.approx((coupon, arora), rel=5e-3 if max(upper) > 1e20 else 3e-4)  # as many digits as shown
    assert bounds.arora_repo(terms) == pytest.approx(arora_repo, rel=1e-4)
    assert min(upper) >= terms.L_sup


def test_probabilities_far_below_rounding_are_kept() -> None:
    terms = collapsed_terms(draws=512, classes=10)  # 0.9 ** 511 = 4e-24, which 1 - tau_K loses
    excess = 4.622609 - 3.944561
    assert bounds.arora_exact(terms) == pytest.approx(excess / 0.9**511, rel=1e-5)


def test_the_authors_form_of_aroras_bound_can_be_below_the_loss() -> None:
    terms = collapsed_terms(draws=5, classes=5)
    assert bounds.arora_repo(terms) < terms.L_sup < bounds.arora_exact(terms)


@pytest.mark.parametrize(("C", "draws", "tau", "cosine"), [(2, 4, 0.5, None), (3, 4, 0.2, 0.3), (4, 5, 1.0, -0.1)])
def test_closed_form_is_the_mean_over_all_labels(C: int, draws: int, tau: float, cosine: float | None) -> None:
    s = -1 / (C - 1) if cosine is None else cosine
    sums = dict.fromkeys(Terms._fields, 0.0)
    for anchor, *others in itertools.product(range(C), repeat=draws):
        weights = [math.exp((1 if other == anchor else s) / tau) for other in others]
        seen = {anchor, *others}
        subset = math.log(1 + (len(seen) - 1) * math.exp((s - 1) / tau))
        clean, covered = anchor not in others, len(seen) == C
        sums["L_info"] += math.log(1 + sum(weights) / math.exp(1 / tau))
        sums["L_sup"] += math.log(1 + (C - 1) * math.exp((s - 1) / tau))
        sums["sup" if covered else "sub"] += subset
        if clean:
            sums["clean_sup" if covered else "clean_sub"] += subset
        sums["collision"] += math.log(1 + others.count(anchor))
        for name, event in (("upsilon", covered), ("clean", clean), ("rho", clean and covered)):
            sums[name] += event
    expected = {name: value / C**draws for name, value in sums.items()}
    assert collapsed_terms(draws, C, tau, cosine)._asdict() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 5), "draws=1"),
        ((5, 1), "classes=1"),
        ((5, 5, 0.0), "tau=0"),
        ((5, 5, 0.5, -0.3), r"cosine in \[-0.25, 1\]"),
    ],
)
def test_closed_form_names_what_is_out_of_range(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collapsed_terms(*arguments)  # type: ignore[arg-type]


def subset_loss(means: Tensor, labels: int) -> Tensor:
    """Mean over all sets of so many labels, and the labels in them, of -ln softmax of the own class, tau = 0.5."""
    sets = torch.tensor(list(itertools.combinations(range(len(means)), labels)))
    members = means[sets]
    return -(members @ members.mT / 0.5).log_softmax(2).diagonal(dim1=1, dim2=2).mean()


def check_optimum(C: int, m: int, steps: int, lr: float) -> None:
    """The best unit class means for the loss over m labels, by Adam: cosines and L_sup of the closed form."""
    means = torch.randn(C, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([means], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        subset_loss(F.normalize(means, dim=1), m).backward()
        optimizer.step()
    unit = F.normalize(means.detach(), dim=1)
    off_diagonal = (unit @ unit.T)[~torch.eye(C, dtype=torch.bool)]
    assert off_diagonal.tolist() == pytest.approx([-1 / (C - 1)] * (C * (C - 1)), abs=5e-3)
    assert float(subset_loss(unit, C)) == pytest.approx(collapsed_terms(2, C, 0.5).L_sup, abs=1e-4)


def test_losses_over_pairs_of_labels_have_the_optimum_of_the_whole() -> None:
    check_optimum(5, 2, steps=150, lr=0.1)


@pytest.mark.long
@pytest.mark.parametrize(("C", "m"), [(5, 3), (5, 5), (8, 2)])
def test_losses_over_few_labels_have_the_optimum_of_the_whole(C: int, m: int) -> None:
    check_optimum(C, m, steps=1500, lr=0.02)
