"""Randomness without state: every number is a function of (seed, purpose, epoch, step, position in the global batch).

Nothing here is ever saved or restored: a resumed run, and every process of a distributed run, computes the same
numbers again. They are made on the CPU for the whole global batch and then sliced, so they do not depend on the number
of processes.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def generator(*key: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator seeded by a hash of `key`, e.g. `generator(seed, "order", epoch)`; about 25 us on the CPU."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest, "big") >> 1)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a CPU tensor; to a GPU through pinned memory, so that the host does not wait for the GPU's work."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@dataclass(frozen=True)
class StepRandom:
    """The random numbers of one training step, for the rows of this process.

    `device` is where numbers are made: leave it on the CPU except for many (N x pool), since another device gives other
    numbers.
    """

    seed: int
    epoch: int  # from 0
    step: int  # within the epoch, from 0
    size: int  # of the global batch, N
    start: int  # first row of the global batch that this process holds
    count: int  # rows that it holds

    @property
    def rows(self) -> slice:
        """The rows of the global batch that this process holds."""
        return slice(self.start, self.start + self.count)

    def generator(self, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Generator of this step for one purpose; the same in every process."""
        return generator(self.seed, purpose, self.epoch, self.step, device=device)

    def uniform(self, purpose: str, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Uniform float32 numbers in [0, 1) of shape (count, *shape)."""
        source = self.generator(purpose, device)
        return torch.rand(self.size, *shape, generator=source, device=device, dtype=torch.float32)[self.rows]

    def integers(self, purpose: str, high: int, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Uniform whole numbers from 0 to high - 1 of shape (count, *shape)."""
        source = self.generator(purpose, device)
        return torch.randint(high, (self.size, *shape), generator=source, device=device)[self.rows]

    def permutation(self, purpose: str, size: int | None = None) -> Tensor:
        """Random order of `size` items (default: the rows of the global batch); the same in every process."""
        return torch.randperm(self.size if size is None else size, generator=self.generator(purpose))
