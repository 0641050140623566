"""The bounds against closed forms and the numbers that the authors published; the experiment `theory=bounds`."""

import itertools
import math

import pytest

from contrastive_lab.analysis.bounds import default_grid
from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import Terms
from tests.theory_experiment import with_dials

run = with_dials("bounds", classes=[5])
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
# Nozawa & Sato 2021, tables as their public notebooks print them, means over three seeds: K + 1, L_info, d, collision,
# Arora's bound and its two parts, the coupon bound and its two parts (those two halved).
REPO = [
    (32, 2.02, -1.16, 1.32, 0.23, 0.05, 0.01, 0.39, 0.63, 0.26),
    (64, 2.64, -1.17, 1.93, 0.76, 0, 0, 0.70, 0.90, 0.01),
    (512, 4.64, -1.19, 3.94, 2.75, 0, 0, 1.69, 0.90, 0),
    (128, 3.32, -0.99, 0.69, 0.72, 0, 1.02, 1.18, 0, 1.82),
    (384, 4.38, -0.97, 1.48, 0.58, 0.01, 0.07, 1.72, 0.30, 1.66),
    (512, 4.66, -0.97, 1.73, 0.79, 0.01, 0.01, 1.86, 1.21, 0.75),
    (1024, 5.34, -0.95, 2.37, 1.43, 0, 0, 2.19, 1.95, 0),
]


# the bounds


@pytest.mark.parametrize("row", REPO)
def test_lower_bounds_are_those_the_authors_add_up(row: tuple[float, ...]) -> None:
    _, L_info, d, collision, arora, clean_sup, clean_sub, coupon, sup_half, sub_half = row
    terms = Terms(L_info, 0, 2 * sup_half, 2 * sub_half, clean_sup, clean_sub, collision, d, 1, 1, 1)
    assert bounds.arora_lower(terms) == pytest.approx(arora, abs=0.02)  # sums of four rounded numbers
    assert bounds.coupon_lower(terms) == pytest.approx(coupon, abs=0.02)


def test_bars_of_the_authors_figure() -> None:
    # CIFAR-100: their figure's bars at K + 1 = 128 (Arora) and 512, 1024 (theirs), computed from the rows above.
    at_128 = Terms(3.32, 0, 0, 3.64, 0, 1.02, 0.69, -0.99, 0, 1 - 0.720958, 0)
    assert bounds.arora_repo(at_128) == pytest.approx((3.32 - 1.02 - 0.69 + 0.99) / 0.279042)
    at_512 = Terms(4.66, 0, 2.42, 1.5, 0, 0, 1.73, -0.97, 0.62, 0, 0)
    assert bounds.repo_half_sub(at_512) == pytest.approx(14, abs=0.5)
    at_1024 = Terms(5.34, 0, 3.9, 0, 0, 0, 2.37, -0.95, 1, 0, 0)
    assert bounds.repo_half_sub(at_1024) == pytest.approx(10.2, abs=0.05)


def test_upper_bounds_are_the_lower_ones_solved_for_the_supervised_loss() -> None:
    terms = Terms(3.0, 1.1, 0.7, 0.4, 0.2, 0.3, 1.3, -0.5, 0.6, 0.3, 0.15)
    at_bound = terms._replace(sup=0.6 * bounds.coupon_exact(terms), clean_sup=0.15 * bounds.arora_exact(terms))
    assert bounds.coupon_lower(at_bound) == pytest.approx(terms.L_info)
    assert bounds.arora_lower(at_bound) == pytest.approx(terms.L_info)
    assert bounds.repo_half_sub(terms) - bounds.coupon_exact(terms) == pytest.approx(0.4 / 2 / 0.6)
    without_sub = terms._replace(sub=0.0)
    assert bounds.repo_half_sub(without_sub) == bounds.coupon_exact(without_sub)


def test_a_bound_over_an_impossible_event_is_infinite() -> None:
    terms = collapsed_terms(draws=4, classes=5)
    assert (bounds.coupon_exact(terms), bounds.arora_exact(terms)) == (INF, INF)
    assert bounds.arora_repo(terms) < INF


# closed form


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
def test_closed_form_refuses(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collapsed_terms(*arguments)  # type: ignore[arg-type]


# the experiment


def test_experiment_tabulates_the_closed_form() -> None:
    outcome = run(classes=[5, 10], draws=[5, 16])
    rows = {(row["classes"], row["draws"]): row for row in outcome.table}
    for C, N in ((5, 5), (5, 16), (10, 16)):
        names = ("L_info", "L_sup", "collision", "coupon_lower", "arora_lower")
        found = (*(rows[C, N][name] for name in (*names, "coupon_exact", "arora_exact", "arora_repo")),)
        assert found == pytest.approx(COLLAPSED_ETF[C, N], rel=3e-4)
    assert rows[10, 5]["coupon_exact"] == INF
    assert (outcome.summary["at_draws_C5"], outcome.summary["at_draws_C10"]) == (16, 16)
    assert [axes.get_title() for axes in outcome.figure.axes] == ["C = 5", "C = 10"]


def test_default_grid_holds_the_papers_values_and_the_optimum() -> None:
    assert {128, 256, 384, 512, 640, 768, 896, 1024} <= set(default_grid(100))
    outcome = run(classes=[100])
    assert outcome.summary["at_draws_C100"] in (640, 768, 896)  # in the table above the least is at 768
    assert outcome.summary["lowest_coupon_C100"] <= 7.49595 + 1e-5
    assert min(default_grid(2)) == 2
    assert default_grid(10)[0] == 5
    assert default_grid(10)[-1] == 160


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"classes": [10, 1]}, r"theory.classes=\[10, 1\]: must be a list"),
        ({"classes": []}, "theory.classes"),
        ({"draws": 1}, r"theory.draws=\[1\]: must be"),
        ({"draws": "many"}, "theory.draws=many: must be"),
        ({"draws": [8, 2.5]}, "theory.draws"),
        ({"draws": True}, "theory.draws"),
        ({"tau": 0.0}, "theory.tau=0.0: must be null or above 0"),
        ({"tau": "warm"}, "theory.tau=warm"),
        ({"views": 3}, "theory.views=3: must be an even number"),
        ({"passes": 0}, "theory.passes=0"),
        ({"run": "nowhere"}, "theory.run=nowhere: not the folder of a run"),
        ({"sweep": "nowhere"}, "theory.sweep=nowhere: no folder of a run"),
        ({"run": "a", "sweep": "b"}, "theory.run and theory.sweep: give one of the two"),
    ],
)
def test_bad_dials_are_named(dials: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        run(**dials)
