"""What optuna would try next, given what was tried so far; the one module that needs optuna."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from contrastive_lab.config.search import Search
from contrastive_lab.launch.space import Parameter

if TYPE_CHECKING:
    import optuna

Texts = dict[str, str]
ASKED = 20  # times, after which one of the settings that are left is drawn where the sampler comes back to old ones


class Trial(NamedTuple):
    """A setting that was tried: values as typed by key, and what came out; None if nothing did, or not yet."""

    texts: Texts
    value: float | None
    running: bool = False


def suggested(space: Mapping[str, Parameter], trials: Sequence[Trial], search: Search) -> Texts:
    """The values to try next, as typed, by key: a function of the arguments, and none of those tried before.

    Of a finite space not all of whose settings were tried. Tree-structured Parzen estimator: Bergstra et al. 2011,
    Algorithms for Hyper-Parameter Optimization, Sec. 4; its first ten settings are random.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=search.direction)
    distributions = {key: each.distribution() for key, each in space.items()}
    for trial in trials:
        ended = optuna.trial.TrialState.FAIL if trial.value is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING if trial.running else ended,
                params={key: each.value(trial.texts[key]) for key, each in space.items()},
                distributions=distributions,
                value=trial.value,
            )
        )
    tried = [trial.texts for trial in trials]
    for attempt in range(ASKED):
        source = np.random.SeedSequence([search.seed, len(trials), attempt])
        study.sampler = _sampler(search, int(source.generate_state(1)[0]))
        asked = study.ask(distributions)
        texts = {key: each.text(asked.params[key]) for key, each in space.items()}
        if texts not in tried:
            return texts
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    return _untried(space, tried, np.random.default_rng([search.seed, len(trials)]))


def _sampler(search: Search, seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of constant_liar
        return optuna.samplers.TPESampler(seed=seed, constant_liar=search.n_jobs > 1)


def _untried(space: Mapping[str, Parameter], tried: list[Texts], source: np.random.Generator) -> Texts:
    """One of the settings of a space that were not tried, at random; the space is finite, else none is tried twice."""
    every = (dict(zip(space, texts, strict=True)) for texts in product(*(each.all() for each in space.values())))
    left = [texts for texts in every if texts not in tried]
    return left[source.integers(len(left))]
