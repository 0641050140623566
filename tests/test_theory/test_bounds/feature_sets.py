"""Random labelled feature sets, and every term of the bounds on them by enumeration of all negatives."""

import itertools
import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.theory.bounds.terms import Terms

Floats = NDArray[np.float64]


class FeatureSet(NamedTuple):
    """M unit features (M, D) with the image and the class of each, the prior, tau and K."""

    features: Floats
    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    probs: Floats
    tau: float
    K: int

    @property
    def weights(self) -> Floats:
        """(M,) probability of each feature: classes by the prior, features of a class alike."""
        return self.probs[self.labels] / np.bincount(self.labels)[self.labels]


def random_set(seed: int, views: int = 1) -> FeatureSet:
    """C = 2..4, two images a class at most, D = 1..8, noise from none to no classes at all, any prior."""
    rng = np.random.default_rng(seed)
    C = int(rng.integers(2, 5 if views == 1 else 3))
    sizes = rng.integers(1, 3, C)
    labels = np.repeat(np.arange(C), sizes * views)
    images = np.repeat(np.arange(sizes.sum()), views)
    D, noise = int(rng.choice([1, 2, 3, 8])), rng.choice([0, 0.1, 1, 100])
    z = rng.normal(size=(C, D))[labels] + noise * rng.normal(size=(len(labels), D))
    if views > 1:
        z += rng.choice([0, 1, 100]) * rng.normal(size=(int(sizes.sum()), D))[images]
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    probs = np.full(C, 1 / C) if rng.random() < 0.25 else rng.dirichlet(np.full(C, 2.0))
    allowed = [K for K in (1, 2, 3, 4, 6, 8, 16, 64, 255) if math.comb(K + len(z) - 1, K) <= 2000]
    return FeatureSet(z, images, labels, probs, float(rng.choice([0.1, 0.2, 0.5, 1, 3])), int(rng.choice(allowed)))


def exact_terms(data: FeatureSet, positives: str = "class") -> tuple[Terms, float]:
    """L_info, L_sup, collision and d, the others nan; and E z.(mu(x) - mu_c) / tau. All sums are complete.

    `positives` says whether the key is any feature of the query's class, or any view of its image.
    """
    w, s, K = data.weights, data.features @ data.features.T / data.tau, data.K
    counts, chances = all_multisets(len(w), K)
    chances = chances * np.exp(counts @ np.log(w))
    groups = data.labels if positives == "class" else data.images
    alike = (groups[:, None] == groups) * w
    alike /= alike.sum(1, keepdims=True)  # (M, M): the law of the key of each query
    total = counts @ np.exp(s).T  # (n, M)
    L_info = sum(
        w[i] * alike[i, j] * (chances @ (np.logaddexp(s[i, j], np.log(total[:, i])) - s[i, j]))
        for i, j in zip(*alike.nonzero(), strict=True)
    )
    to_class = np.stack([s[:, data.labels == c].mean(1) for c in range(len(data.probs))], 1)  # z.mu_c / tau
    own = to_class[np.arange(len(w)), data.labels]
    to_key = (alike * s).sum(1)  # z.mu(x) / tau with views of an image
    same = counts @ (data.labels[:, None] == data.labels)  # (n, M): Col
    values = dict.fromkeys(Terms._fields, math.nan) | {
        "L_info": float(L_info),
        "L_sup": float(w @ (np.log(np.exp(to_class).sum(1)) - own)),
        "collision": float(chances @ np.log1p(same) @ w),
        "d": float(w @ np.minimum(0, own - to_key)),
    }
    return Terms(**values), float(w @ (to_key - own))


@cache
def all_multisets(items: int, size: int) -> tuple[Floats, Floats]:
    """Counts (n, items) of all multisets, and how many sequences each stands for."""
    chosen = itertools.combinations_with_replacement(range(items), size)
    counts = np.array([np.bincount(each, minlength=items) for each in chosen], dtype=float)
    log_factorial = np.array([math.lgamma(n + 1) for n in range(size + 1)])
    return counts, np.exp(log_factorial[size] - log_factorial[counts.astype(int)].sum(1))
