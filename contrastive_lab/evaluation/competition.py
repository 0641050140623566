"""What few negatives keep of the repulsion of all keys at hand, on images or texts that an encoder learned from."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab.competition import at_hand, causes
from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.dataset.split import part
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.features import view_pairs
from contrastive_lab.objective import Objective

IMAGES = 2048  # about so many are encoded


class AtHand(NamedTuple):
    """Unit queries (n, D), their cosines with their own keys (n,) and with M keys of others (n, M), these (n, M, D)."""

    query: Tensor
    pos: Tensor
    cos: Tensor
    keys: Tensor


class Kept(NamedTuple):
    """What K keys keep of the repulsion of all: competition, factor, agreement and dispersion as `competition.Causes`.

    `steadiness` is the agreement over that of all sets of K keys, whose noise is gone: 1 without noise, 0 where a draw
    tells nothing of the mean over draws.
    """

    competition: float
    factor: float
    agreement: float
    dispersion: float
    steadiness: float


class Lost(NamedTuple):
    """What fewer keys lose to more, by cause: ln of the factor, competition and steadiness, each more less fewer."""

    factor: float
    competition: float
    noise: float


def keys_at_hand(query: Tensor, own: Tensor, keys: Tensor, ids: Tensor, key_ids: Tensor) -> AtHand:
    """Some of the unit queries (n, D), with their own keys (n, D) and keys (M, D) of other images, by their numbers."""
    rows, cos, others = at_hand(query, ids, keys, key_ids)
    return AtHand(query[rows], (query * own).sum(dim=1)[rows], cos, others)


def keys_of_images(encoder: Encoder, data: ViewsDataModule, seed: int) -> AtHand:
    """Queries and keys of two augmented views of about 2,048 of the images or texts to learn from, in float64."""
    images = data.splits.pretrain
    some = part(images, slice(None, None, max(1, len(images) // IMAGES)))
    query, own = (view.double() for view in next(view_pairs(encoder, some, data, seed, "competition")))
    ids = torch.arange(len(query), device=query.device)
    return keys_at_hand(query, own, own, ids, ids)


def kept(hand: AtHand, objective: Objective, tau: float, alpha: float | None, K: int, sets: int = 1) -> Kept:
    """What `sets` sets of K keys keep under a loss; with K above the M keys at hand, what M keys with its alpha keep.

    Raises:
        ValueError: for a loss that remembers normalisers, which belong to the images of a run.
    """
    if objective.remember is not None:
        raise ValueError(f"remember={objective.remember:g}: what keys keep is measured without remembered normalisers")
    M = hand.cos.shape[1]
    loss = objective.of_keys(hand.pos, tau, K if alpha is None and K > M else alpha)
    few, every = (causes(*hand, min(K, M), tau, loss, number) for number in (sets, M))
    steadiness = float((few.agreement / every.agreement).clamp(0, 1))
    return Kept(**{name: float(value) for name, value in few._asdict().items()}, steadiness=steadiness)


def lost(many: Kept, few: Kept) -> Lost:
    """What fewer keys lose to more."""
    steps = many.competition - few.competition, many.steadiness - few.steadiness
    return Lost(math.log(many.factor / few.factor), *steps)
