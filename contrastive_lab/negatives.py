"""Where negatives come from: the other images of the batch, a queue of older keys, or a memory bank.

Letters: N queries of the global batch, n of them in this process, K negatives of a query, D dimensions. A ValueError
names a K, negatives_per or momentum that is out of range.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.errors import choice
from contrastive_lab.own_class import OwnClass
from contrastive_lab.pairs import Chosen
from contrastive_lab.randomness import StepRandom, generator, to_device

# Below pool / FEW negatives, drawing again what repeats is quicker than a random order of the pool, which costs at most
# FEW numbers a negative from there on.
FEW = 16
NegativesPer = Literal["query", "batch"]


def from_batch(
    random: StepRandom,
    K: int | None,
    views: int = 1,
    negatives_per: NegativesPer = "query",
    purpose: str = "negatives",
    device: torch.device | str = "cpu",
    own: OwnClass | None = None,
    sets: int = 1,
) -> Chosen:
    """Choose K keys of other images for every query, without replacement, in O(N K) time and memory but with `own`.

    The keys lie view by view, (views * N, D), of which a query's pool are the views * (N - 1) of other images; a K of
    None takes them all. Of several `sets`, which are cut from the K in their order, each is a random one, also where K
    is the whole pool. `negatives_per` "query" chooses for every query by itself (EqCo, Sec. 2.3); "batch" once per
    step, as positions in the list of others, the same for all queries (the EqCo authors' code). `own` has a share of
    negatives of the query's own class; None leaves it to chance.

    `purpose` names the random numbers: two choices of one step need two names. `device` is that of the result, which
    counts the keys, and of the random numbers that "query" costs in every process.
    """
    pool = views * (random.size - 1)
    K = pool if K is None else K
    if not 1 <= K <= pool:
        raise ValueError(f"K={K} negatives of a pool of {pool}: {views} view(s) of {random.size} - 1 other images")
    choice("negatives_per", negatives_per, NegativesPer)
    if own is not None:
        return Chosen(own.keys(random, K, views, purpose))
    if pool == K and sets == 1:
        position = torch.arange(pool, device=device)[None]
    elif negatives_per == "batch":
        position = to_device(random.permutation(purpose, pool)[None, :K].contiguous(), torch.device(device))
    elif are_few(K, pool):
        position = _distinct(random, K, pool, purpose, device)
    else:
        position = random.uniform(purpose, pool, device=device).topk(K, dim=1).indices
    itself = torch.arange(random.start, random.start + random.count, device=device)
    return Chosen(position, itself, random.size)


def are_few(K: int, pool: int) -> bool:
    """Whether K keys of a pool are few enough that what repeats is drawn again, instead of sorting the whole pool."""
    return pool > FEW * K


def _distinct(random: StepRandom, K: int, pool: int, purpose: str, device: torch.device | str) -> Tensor:
    """K distinct numbers below `pool` for each query, every set as likely as every other, (n, K).

    Numbers that stand in their row before are drawn again. No step tells one number of the pool from another, so the
    set is uniform. A round is a function of its number, so a process that needs fewer rounds than another agrees.
    The host waits for the device once a round.
    """
    chosen = random.integers(purpose, pool, K, device=device)
    number = 0
    while bool((again := _repeated(chosen)).any()):
        number += 1
        chosen = torch.where(again, random.integers(f"{purpose}/{number}", pool, K, device=device), chosen)
    return chosen


def _repeated(rows: Tensor) -> Tensor:
    """Whether each number of a row (n, K) stands there before, (n, K)."""
    values, order = rows.sort(dim=1, stable=True)
    again = torch.zeros_like(rows, dtype=torch.bool)
    again[:, 1:] = values[:, 1:] == values[:, :-1]
    return torch.zeros_like(again).scatter_(1, order, again)


class Queue(nn.Module):
    """The last K keys, first in first out, with the image each came from; saved with every checkpoint.

    It starts with random unit vectors by `seed`, whose image is -1. Any K of 1 or more and any batch size: K need not
    be a multiple of the batch, and a queue shorter than the batch keeps the batch's last K keys, which are random ones
    since the order of a batch is (EqCo, Sec. 2.3). Source: He et al. 2020 (MoCo), Sec. 3.2.

    >>> queue = Queue(K=3, dim=2)
    >>> queue.push(torch.eye(2), torch.tensor([10, 11]))
    >>> sorted(queue.ids.tolist())
    [-1, 10, 11]
    >>> queue.push(torch.eye(2), torch.tensor([12, 13]))
    >>> sorted(queue.ids.tolist())
    [11, 12, 13]
    """

    keys: Tensor
    ids: Tensor
    cursor: Tensor

    def __init__(self, K: int, dim: int, seed: int = 0) -> None:
        super().__init__()
        if K < 1:
            raise ValueError(f"K must be at least 1, not {K}")
        start = torch.randn(K, dim, generator=generator(seed, "queue"))
        self.register_buffer("keys", F.normalize(start, dim=1))
        self.register_buffer("ids", torch.full((K,), -1))
        self.register_buffer("cursor", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def push(self, keys: Tensor, ids: Tensor) -> None:
        """Put the keys (N, D) of the images (N,) in; the oldest N leave."""
        K = len(self.keys)
        keys, ids = keys[-K:], ids[-K:]
        slots = (self.cursor + torch.arange(len(keys), device=self.cursor.device)) % K
        self.keys.index_copy_(0, slots, keys.to(self.keys.dtype))
        self.ids.index_copy_(0, slots, ids)
        self.cursor.add_(len(keys)).remainder_(K)


class Bank(nn.Module):
    """One entry for every image, unit vectors that follow the image's features; saved with every checkpoint.

    The entries (images, D) start as random unit vectors by `seed`; `momentum` is the share kept of one when it is
    written, in [0, 1]; ValueError beyond. Source: Wu et al. 2018 (NPID), Sec. 3; momentum 0.5 in the authors' code.
    """

    entries: Tensor
    ids: Tensor

    def __init__(self, images: int, dim: int, momentum: float = 0.5, seed: int = 0) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f"the bank's momentum must lie in [0, 1], not {momentum}")
        self.momentum = momentum
        start = torch.randn(images, dim, generator=generator(seed, "bank"))
        self.register_buffer("entries", F.normalize(start, dim=1))
        self.register_buffer("ids", torch.arange(images), persistent=False)  # (images,) whose the entries are

    @torch.no_grad()
    def write(self, vectors: Tensor, ids: Tensor) -> None:
        """Move the entries of the images (N,) towards the vectors (N, D)."""
        old = self.entries[ids]
        new = F.normalize(old.lerp(vectors.to(old.dtype), 1 - self.momentum), dim=1)
        self.entries.index_copy_(0, ids, new)


def from_bank(
    random: StepRandom, ids: Tensor, K: int, images: int, own: bool = False, by_class: OwnClass | None = None
) -> Tensor:
    """Choose K of the entries of a bank of 2 images or more for every query, uniformly and with replacement: (n, K).

    `ids` (n,) are the queries' images, whose own entries may be chosen with `own`, as in the authors' code. `by_class`
    has a share of negatives of the query's own class; None leaves it to chance.
    """
    coarse, fine = random.uniform("negatives", 2 * K, device=ids.device).double().chunk(2, dim=1)
    uniform = coarse + fine / 2**24  # one float32 is too coarse for 1e6 entries
    if by_class is not None:
        return by_class.entries(uniform, ids)
    count = images if own else images - 1
    chosen = (uniform * count).long().clamp(max=count - 1)
    return chosen if own else chosen + (chosen >= ids[:, None])
