"""Arguments as the functions of the theory take them; a ValueError of one line names the one that is out of range."""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from contrastive_lab.theory.coupon.coverage import Floats


def prior(classes: int | None, probs: ArrayLike | None) -> Floats:
    """The class probabilities (C,) that either argument stands for, C >= 1 or a list above 0 of sum 1 within 1e-6."""
    if (classes is None) == (probs is None):
        raise ValueError("give either classes or probs")
    if classes is not None:
        at_least("classes", classes, 1)
        return np.full(classes, 1 / classes)
    p = np.asarray(probs, dtype=np.float64)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"probs: must be a list of one probability per class, not of shape {p.shape}")
    if not (p > 0).all():
        raise ValueError(f"probs: class {int(np.argmin(p > 0))} has {p[np.argmin(p > 0)]:g}; leave empty classes out")
    if abs(p.sum() - 1) > 1e-6:
        raise ValueError(f"probs: must sum to 1, not {p.sum():.9g}")
    shares: Floats = p / p.sum()
    return shares


def class_counts(counts: ArrayLike) -> Floats:
    """The class counts (C,), whole numbers of 1 or more, as floats."""
    sizes = np.asarray(counts, dtype=np.float64)
    whole = sizes.ndim == 1 and len(sizes) and np.isfinite(sizes).all() and (sizes == np.floor(sizes)).all()
    if not whole or sizes.min() < 1:
        raise ValueError("counts: must be a list of whole numbers, at least 1 for each class")
    return sizes


def at_least(name: str, value: int, least: int) -> None:
    """Check that a value is a whole number, `least` or more."""
    if not isinstance(value, SupportsIndex) or value < least:
        raise ValueError(f"{name}={value}: must be a whole number, {least} or more")


def above_0(name: str, value: float) -> None:
    """Check that a value is positive."""
    if not value > 0:
        raise ValueError(f"{name}={value}: must be above 0")


def is_uniform(p: Floats) -> bool:
    """Whether all classes are equally probable."""
    return bool(np.ptp(p) == 0)
