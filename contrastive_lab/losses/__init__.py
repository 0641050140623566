"""Losses: tensors in, one number for each query out; InfoNCE with EqCo's margin, its relatives, and those of others."""

from contrastive_lab.losses.contrastive import (
    at_least_float32,
    eqco_margin,
    gradient_bound,
    info_nce,
    mi_estimate,
    nce,
    supcon,
    swap,
)
from contrastive_lab.losses.family import (
    dcl,
    debiased,
    dual_temperature,
    factor,
    hard,
    remembered,
    spectral,
    updated_normaliser,
)

__all__ = [
    "at_least_float32",
    "dcl",
    "debiased",
    "dual_temperature",
    "eqco_margin",
    "factor",
    "gradient_bound",
    "hard",
    "info_nce",
    "mi_estimate",
    "nce",
    "remembered",
    "spectral",
    "supcon",
    "swap",
    "updated_normaliser",
]
