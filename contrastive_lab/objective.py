"""The loss of a method's queries: one of the family of `contrastive_lab.losses`, over sets of negatives or a memory."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from contrastive_lab import distributed, losses
from contrastive_lab.blocks import by_rows
from contrastive_lab.competition import Loss, at_hand, causes
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.errors import RunError
from contrastive_lab.pairs import Pairs, in_sets


class Objective(nn.Module):
    """Takes cosines with positives and negatives, gives one number for each query.

    The name is "info_nce", "spectral", "debiased", "hard" or "dual_temperature" (a method may have others of its own),
    `settings` are further arguments of the function of that name in `contrastive_lab.losses`. The loss is the mean over
    R `sets` of K negatives. "own" is the name for a method that computes its losses itself: `diagnose` alone is left.
    Of another name the loss is `function`, of pos (n,), neg (n, K) and those of tau and alpha that it takes, (n,).

    `remember` in [0, 1) is the weight on the old value of each image's normaliser; None keeps none. There is one for
    each of the `images` and for each of its `directions`, the views that are queries: `log_normaliser` (directions,
    images). It and what was `seen` (images,) are saved with every checkpoint.

    Source: docs/losses.md has the table of the family; Yuan et al. 2022 (SogCLR), Algorithm 1 for `remember`.
    """

    log_normaliser: Tensor
    seen: Tensor

    def __init__(
        self,
        name: str = "info_nce",
        sets: int = 1,
        remember: float | None = None,
        images: int = 0,
        directions: int = 0,
        function: Callable[..., Tensor] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.name, self.sets, self.remember, self.settings = name, sets, remember, settings
        self.function = function
        self._takes = {"tau", "alpha"} & {*inspect.signature(function).parameters} if function else set[str]()
        self._new: tuple[Tensor, Tensor] | None = None
        if remember is not None:
            self.register_buffer("log_normaliser", torch.zeros(directions, images))
            self.register_buffer("seen", torch.zeros(images, dtype=torch.bool))

    def keys(self, K: int | None) -> int | None:
        """Number of negatives to choose for a query: those of all sets."""
        return None if K is None else K * self.sets

    def losses(self, pairs: Pairs, tau: float, alpha: float | None) -> Tensor:
        """Loss of each query, (n,)."""
        if self.remember is not None:
            return self._remembered(pairs, tau)
        return self.mean_over_sets(pairs, self.of_keys(pairs.pos, tau, alpha))

    def of_keys(self, pos: Tensor, tau: float, alpha: float | None) -> Loss:
        """The loss as a function of positives (n,) and one set of negatives (n, K) each, without a memory.

        `pos` are the positives of all queries, by whose mean DCLW weighs.
        """
        if self.function is not None:
            told = {key: value for key, value in {"tau": tau, "alpha": alpha}.items() if key in self._takes}
            return partial(_one_for_each, self.name, partial(_by_name, self.function, {**told, **self.settings}))
        if self.name == "spectral":
            return partial(losses.spectral, **self.settings)
        if self.name != "info_nce":
            return partial(getattr(losses, self.name), tau=tau, alpha=alpha, **self.settings)
        if (sigma := self.settings.get("dclw_sigma")) is not None:
            return partial(losses.dcl, tau=tau, sigma=sigma, all_pos=distributed.gather(pos.detach()))
        return partial(losses.info_nce, tau=tau, alpha=alpha, reduction="none")

    def mean_over_sets(self, pairs: Pairs, loss: Loss) -> Tensor:
        """Mean over the sets of a loss of (pos, neg), (n,)."""

        def of_rows(pos: Tensor, neg: Tensor, _: slice) -> Tensor:
            return loss(*in_sets(pos, neg, self.sets)).view(-1, self.sets).mean(dim=1)

        return by_rows(pairs, of_rows)

    def diagnose(
        self, pairs: Pairs, values: Tensor, tau: float, alpha: float | None, classes: Tensor | None
    ) -> dict[str, Tensor]:
        """Diagnostics of the step; the estimate of the mutual information and the bound are those of InfoNCE alone."""
        logged = diagnose(pairs, values, tau, alpha, classes, self.sets)
        logged |= {} if self.name == "own" else self._causes(pairs, tau, alpha)
        left_out = () if self.is_infonce else ("mi_estimate", "gradient_bound")
        return {name: value for name, value in logged.items() if name not in left_out}

    @torch.no_grad()
    def _causes(self, pairs: Pairs, tau: float, alpha: float | None) -> dict[str, Tensor]:
        """Competition, factor, agreement, dispersion; of the spectral loss, without tau and shares, agreement alone."""
        query, K, first = torch.cat(pairs.queries).detach(), pairs.K // self.sets, pairs.parts[0]
        rows, cos, keys = at_hand(query, pairs.ids, first.keys.detach(), first.key_ids)
        loss = self._of_any_keys(pairs, rows, tau, alpha)
        found = causes(query[rows], pairs.pos[rows], cos, keys, min(K, cos.shape[1]), tau, loss, self.sets)
        return {"agreement": found.agreement} if self.name == "spectral" else found._asdict()

    def _of_any_keys(self, pairs: Pairs, rows: Tensor, tau: float, alpha: float | None) -> Loss:
        """The loss of the queries `rows` with sets of keys that were not drawn; DCLW's is DCL's, with w = 1."""
        if (keep := self.remember) is None:
            return (self if self.settings.get("dclw_sigma") is None else Objective()).of_keys(pairs.pos, tau, alpha)
        old, seen = (kept[rows] for kept in self._kept(pairs))

        def loss(pos: Tensor, neg: Tensor) -> Tensor:
            before, known = (kept.repeat_interleave(len(neg) // len(rows)) for kept in (old, seen))
            return losses.remembered(pos, neg, tau, losses.updated_normaliser(before, neg, tau, keep, known))

        return loss

    @property
    def is_infonce(self) -> bool:
        """Whether the loss is InfoNCE, with EqCo's margin or without."""
        return self.name == "info_nce" and self.remember is None and self.settings.get("dclw_sigma") is None

    @torch.no_grad()
    def after_step(self) -> None:
        """Write the normalisers of the batch's images."""
        if self._new is not None:
            new, ids = self._new
            self.log_normaliser[: len(new), ids] = new.to(self.log_normaliser.dtype)
            self.seen[ids] = True

    def _remembered(self, pairs: Pairs, tau: float) -> Tensor:
        """The loss by the normalisers of past steps and of this one, which are kept for `after_step`."""
        keep, (old, seen) = self.remember, self._kept(pairs)
        assert keep is not None
        new = torch.empty_like(old)

        def of_rows(pos: Tensor, neg: Tensor, rows: slice) -> Tensor:
            now = losses.updated_normaliser(old[rows], neg.detach(), tau, keep, seen[rows])
            new[rows] = now
            return losses.remembered(pos, neg, tau, now)

        values = by_rows(pairs, of_rows)
        every = distributed.gather(new.view(len(pairs.parts), -1).T.contiguous()).T
        self._new = every, distributed.gather(pairs.parts[0].ids)
        return values

    def _kept(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Log of the normaliser before this step of each query, and whether its image was seen before, (n,)."""
        directions, ids = len(pairs.parts), pairs.parts[0].ids
        return self.log_normaliser[:directions, ids].flatten(), self.seen[ids].repeat(directions)


def _by_name(function: Callable[..., Tensor], told: dict[str, Any], pos: Tensor, neg: Tensor) -> Tensor:
    """The values of a function whose parameters pos and neg may stand anywhere."""
    return function(pos=pos, neg=neg, **told)


def _one_for_each(name: str, function: Loss, pos: Tensor, neg: Tensor) -> Tensor:
    """The values of a function of others; RunError if they are not one for each query."""
    values = function(pos, neg)
    if values.shape != pos.shape:
        raise RunError(f"loss={name}: must give a value for each query, {tuple(pos.shape)}, not {tuple(values.shape)}")
    return values
