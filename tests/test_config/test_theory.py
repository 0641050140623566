import pytest

from contrastive_lab.config import options
from contrastive_lab.config.overrides import applied

WRONG = [
    ("bounds", "classes=[]", "theory.classes=[]: must be a list of whole numbers, e.g. [10,100]"),
    ("bounds", "draws=1", "theory.draws=1: must be 2 or more"),
    ("bounds", "draws=[4,1]", "theory.draws=[4,1]: must be 2 or more each"),
    ("bounds", "draws=[]", "theory.draws=[]: must be a whole number or a list of whole numbers, e.g. [64,256] or null"),
    ("bounds", "views=3", "theory.views=3: must be an even number, 2 or more"),
    ("coupon", "K=-1", "theory.K=-1: must be 0 or more"),
    ("coupon", "classes=401", "theory.classes=401: must be between 2 and 400"),
    ("gaussian_mi", "mi=[0]", "theory.mi=[0]: must be more than 0 each"),
    ("gaussian_mi", "alpha=inf", "theory.alpha=inf: must be finite and more than 0"),
    ("gaussian_mi", "lr=fast", "theory.lr=fast: must be a number"),
    ("gradient_norm", "shared=1", "theory.shared=1: must be 0 or more and less than 1"),
    ("gradient_norm", "K=3", "theory.K=3: must be a list of whole numbers, e.g. [4,64]"),
    ("spiked_covariance", "part=m", "theory.part=m: choose one of n, control, d, r, downstream, all"),
    ("spiked_covariance", "n=null,2", "theory.n=null,2: several values need a multirun"),
    ("spiked_covariance", "seed=8", "theory.seed: no such key; did you mean theory.seeds?"),
]


@pytest.mark.parametrize(("program", "override", "message"), WRONG)
def test_a_wrong_setting_is_one_line_before_the_program_starts(program: str, override: str, message: str) -> None:
    (problem,) = applied([f"theory={program}", f"theory.{override}"], "theory")[1]
    assert problem.startswith(message)


@pytest.mark.parametrize("program", options("theory"))
def test_the_values_of_a_program_are_allowed(program: str) -> None:
    config, problems = applied([f"theory={program}"], "theory")
    assert problems == []
    assert config.theory["_target_"] == f"contrastive_lab.analysis.{program}.run"


def test_a_folder_may_have_a_number_for_a_name() -> None:
    assert applied(["theory=bounds", "theory.run=123"], "theory")[1] == []
