"""Unit vectors: the norm of InfoNCE's gradient for frozen random features."""

from contrastive_lab.theory.sphere.gradient import expected_bound, expected_limit, frozen_keys, frozen_pairs, gradients

__all__ = ["expected_bound", "expected_limit", "frozen_keys", "frozen_pairs", "gradients"]
