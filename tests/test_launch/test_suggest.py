import math
from itertools import product

import pytest

from contrastive_lab.config.search import Search, read_search
from contrastive_lab.launch.space import Choice, Interval, Parameter
from contrastive_lab.launch.suggest import Trial, suggested

optuna = pytest.importorskip("optuna")

TAU = Interval("tau", 0.05, 0.5, log=False)
BASE_LR = Interval("base_lr", 0.01, 1.0, log=True)
K = Choice("K", ("4", "16"))


def search(**told: object) -> Search:
    return read_search(told, "linear", [])


def worth(tau: float, base_lr: float) -> float:
    return -((tau - 0.2) ** 2) - math.log10(base_lr / 0.1) ** 2


def tried(space: dict[str, Parameter], n: int, settings: Search) -> list[Trial]:
    """Trials one after the other; what comes out is best, 0, at tau = 0.2 and base_lr = 0.1."""
    trials = list[Trial]()
    for _ in range(n):
        texts = suggested(space, trials, settings)
        trials.append(Trial(texts, worth(float(texts.get("tau", 0.2)), float(texts.get("base_lr", 0.1)))))
    return trials


def test_the_next_setting_is_a_function_of_those_before_it() -> None:
    space: dict[str, Parameter] = {"tau": TAU, "K": K}
    trials = tried(space, 14, search())
    assert [suggested(space, trials[:n], search()) for n in range(14)] == [trial.texts for trial in trials]
    assert tried(space, 3, search(seed=1)) != trials[:3]
    assert all(0.05 <= float(trial.texts["tau"]) <= 0.5 for trial in trials)
    assert len({trial.texts["K"] for trial in trials}) == 2


def test_a_finite_space_is_gone_through_without_a_repetition() -> None:
    space: dict[str, Parameter] = {
        "K": K,
        "sets": Interval("sets", 1, 4, log=False),
        "loss": Choice("loss", ("a", "b")),
    }
    trials = tried(space, 16, search())
    every = {(k, str(sets), loss) for k, sets, loss in product(("4", "16"), range(1, 5), ("a", "b"))}
    assert {tuple(trial.texts.values()) for trial in trials} == every


def test_it_comes_closer_to_the_best_setting_than_chance_and_as_optunas_own_loop_does() -> None:
    space: dict[str, Parameter] = {"tau": TAU, "base_lr": BASE_LR}

    def late(**told: object) -> float:
        return sum(trial.value or 0.0 for seed in (0, 1) for trial in tried(space, 40, search(seed=seed, **told))[20:])

    def in_one_go(seed: int) -> float:
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(
            lambda trial: worth(trial.suggest_float("tau", 0.05, 0.5), trial.suggest_float("lr", 0.01, 1, log=True)), 40
        )
        return sum(trial.value or 0.0 for trial in study.trials[20:])

    assert late() > late(sampler="random") / 1.4  # both are below 0
    assert late() > 1.5 * (in_one_go(0) + in_one_go(1))


def test_less_can_be_better() -> None:
    space: dict[str, Parameter] = {"base_lr": BASE_LR}
    more = tried(space, 25, search())
    less = list[Trial]()
    for _ in range(25):
        texts = suggested(space, less, search(metric="loss"))
        less.append(Trial(texts, math.log10(float(texts["base_lr"]) / 0.1) ** 2))
    assert [trial.texts for trial in less] == [trial.texts for trial in more]  # the same question, with another sign


def test_trials_that_failed_or_run_are_known_and_not_proposed_again() -> None:
    space: dict[str, Parameter] = {"K": Choice("K", ("4", "8", "16"))}
    trials = [Trial({"K": "4"}, None), Trial({"K": "16"}, None, running=True)]
    assert suggested(space, trials, search(n_jobs=2)) == {"K": "8"}
