"""Frozen features to accuracies: one module per protocol."""
