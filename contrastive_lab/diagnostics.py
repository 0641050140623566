"""What is logged of a step beside its loss, and what tells a collapse from a working run."""

import math

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.encoder import cosines
from contrastive_lab.losses import gradient_bound, mi_estimate
from contrastive_lab.pairs import Pairs, blocks, in_sets

NEGATIVES = ("gradient_bound", "contrastive_top1", "negative_cosine")


def diagnose(
    pairs: Pairs, losses: Tensor, tau: float, alpha: float | None, classes: Tensor | None, sets: int = 1
) -> dict[str, Tensor]:
    """Diagnostics of one step, each a mean over the queries of all processes and their `sets` of negatives.

    `losses` (n,) come with their graph, which is kept; an `alpha` of None is K; `classes` are the labels of all images.
    The result has mi_estimate (nats; not at alpha = inf), gradient_norm (EqCo Fig. 2), gradient_bound (EqCo Eq. 7),
    contrastive_top1 (percent of queries nearer to their key than to any negative, without the margin),
    positive_cosine, negative_cosine, alignment, own_image (share of negatives that are keys of the query's own image),
    own_class (share of its class; only with labels), and what `spread` has.
    """
    pos = pairs.pos.detach()
    values: dict[str, Tensor] = {}
    if alpha != math.inf:
        values["mi_estimate"] = torch.as_tensor(mi_estimate(losses.detach().mean(), alpha or pairs.K // sets))
    values["gradient_norm"] = gradient_norm(losses, pairs.queries)
    values |= _of_negatives(pairs, tau, alpha, sets)
    values |= {"positive_cosine": pos.mean(), "alignment": (2 - 2 * pos).mean(), **_shares(pairs, classes)}
    means = distributed.mean(torch.stack([value.to(torch.float64) for value in values.values()]))
    return {**dict(zip(values, means, strict=True)), **spread(torch.cat(pairs.queries))}


@torch.no_grad()
def _of_negatives(pairs: Pairs, tau: float, alpha: float | None, sets: int) -> dict[str, Tensor]:
    """What is read off the cosines with negatives: gradient_bound, contrastive_top1, negative_cosine."""
    found = []
    for part, rows in pairs.blocks():
        pos, neg = in_sets(part.pos[rows], part.neg(rows), sets)
        bound, nearest = gradient_bound(pos, neg, tau, alpha), (pos > neg.amax(dim=1)).float()
        found.append(torch.stack([bound, 100 * nearest.to(bound.dtype), neg.mean(dim=1)]))
    return dict(zip(NEGATIVES, torch.cat(found, dim=1).mean(dim=1), strict=True))


def spread(vectors: Tensor, unit: bool = True) -> dict[str, Tensor]:
    """How the vectors (n, D) of all processes lie: uniformity (of unit rows alone), effective_rank and dimensions D."""
    everyone = distributed.gather(vectors.detach())
    values = {"effective_rank": effective_rank(everyone), "dimensions": torch.tensor(float(everyone.shape[1]))}
    return {"uniformity": uniformity(everyone), **values} if unit else values


def gradient_norm(losses: Tensor, queries: list[Tensor]) -> Tensor:
    """Mean over queries of the L2 norm of d loss_i / d q_i, q_i the unit vector; the graph is kept."""
    gradients = torch.autograd.grad(losses.sum(), queries, retain_graph=True)
    norms: Tensor = torch.linalg.vector_norm(torch.cat(gradients), dim=1)
    return norms.mean()


def uniformity(x: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean of exp(-t |x_i - x_j|^2) over all pairs i < j of unit rows (n, D); Wang & Isola 2020, Eq. 2.

    0 where all rows are equal; about -2 t (1 - t / D) where they are uniform on the sphere. Not a number for one row.

    >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))  # two opposite rows at |x_i - x_j|^2 = 4
    tensor(-8.)
    """
    n, rows_of = len(x), []
    for rows in blocks(x, x, None):
        logits = -t * (2 - 2 * cosines(x[rows], x)).clamp(min=0)
        logits.diagonal(rows.start).fill_(-torch.inf)  # a row with itself
        rows_of.append(logits.logsumexp(dim=1))
    return torch.cat(rows_of).logsumexp(dim=0) - math.log(max(n * (n - 1), 1))


def effective_rank(x: Tensor) -> Tensor:
    """Exponential of the entropy of the normalised singular values of rows (n, D), centred; Roy & Vetterli 2007.

    Between 1 (all rows on a line, or equal) and min(n, D); not a number where `x` is not finite.

    >>> round(effective_rank(torch.cat([torch.eye(2), -torch.eye(2)])).item(), 4)  # a square uses both dimensions
    2.0
    """
    finite = x.isfinite().all()
    rows = torch.where(finite, x, 0).to(torch.promote_types(x.dtype, torch.float32))
    values = torch.linalg.svdvals(rows - rows.mean(dim=0))  # it would raise on NaN
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    rank = torch.exp(-(shares * shares.clamp(min=torch.finfo(values.dtype).tiny).log()).sum())
    return torch.where(finite, rank, torch.nan)


def _shares(pairs: Pairs, classes: Tensor | None) -> dict[str, Tensor]:
    """Shares of negatives that come from the query's own image and its own class."""
    counts = []
    for part, rows in pairs.blocks():
        ids, others = part.ids[rows, None], part.neg_ids(rows)
        known = (others >= 0).expand(len(ids), -1)
        counts.append([known.sum(), (others == ids).sum()])
        if classes is not None:
            counts[-1].append(((classes[others.clamp(min=0)] == classes[ids]) & known).sum())
    count, *shares = (torch.stack(each).sum() for each in zip(*counts, strict=True))
    names = ("own_image", "own_class")[: len(shares)]
    return dict(zip(names, (share / count.clamp(min=1) for share in shares), strict=True))


EARLY = 50  # steps before which an untrained encoder cannot be told from a collapsed one


def verdict(values: dict[str, float], steps: int, others: float = 1.0, momentum: float = 0.0) -> str:
    """One plain sentence on whether the representation has collapsed, by the last diagnostics of so many steps.

    `others` is the share of negatives that are not of the query's own class by choice: those that are may be as near as
    the positive in the best representation, which leaves that share of the gap, and where it is 0 the rank alone tells.
    With a key encoder of this `momentum` the keys are those of the untrained encoder for longer: nothing is told before
    a quarter of the steps, 1 / (1 - momentum), in which it follows.
    """
    if steps < max(EARLY, 0.25 / max(1 - momentum, 1e-4)):
        return f"too early to tell after {steps} steps whether the representation collapses"
    rank, dim = values["effective_rank"], values["dimensions"]
    gap = values.get("positive_cosine", 1.0) - values.get("negative_cosine", 0.0)  # a method may have neither
    if others > 0 and not gap > 0.05 * others:
        return f"COLLAPSED: keys of an image are no nearer to it than others (cosines differ by {gap:.3f})"
    if rank < 0.05 * dim:
        return f"PARTLY COLLAPSED: the vectors use about {rank:.1f} of {dim:.0f} dimensions"
    if others == 0:
        return (
            f"rank alone: about {rank:.1f} of {dim:.0f} dimensions in use; all negatives are of the query's own class"
        )
    if "positive_cosine" not in values:
        return f"no collapse: about {rank:.1f} of {dim:.0f} dimensions in use"
    return f"no collapse: cosine {values['positive_cosine']:.2f} to the key, {values['negative_cosine']:.2f} to others"
