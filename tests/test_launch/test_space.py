import math

import pytest

from contrastive_lab.config.overrides import parse
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.space import Choice, Interval, Parameter, parameter, read_space


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("K=choice(4,16,64)", Choice("K", ("4", "16", "64"))),
        ("alpha=null,256,inf,256", Choice("alpha", ("null", "256", "inf"))),
        ("K=range(4,20,4)", Choice("K", ("4", "8", "12", "16"))),
        ("augment.crop.area=choice([0.1,1.0],[0.2,1.0])", Choice("augment.crop.area", ("[0.1,1.0]", "[0.2,1.0]"))),
        ("+optim.x=choice(a,b)", Choice("+optim.x", ("a", "b"))),
        ("tau=interval(0.05,0.5)", Interval("tau", 0.05, 0.5, log=False)),
        ("base_lr=tag(log,interval(0.01,1))", Interval("base_lr", 0.01, 1.0, log=True)),
        ("K=int(interval(1,255))", Interval("K", 1, 255, log=False)),
    ],
)
def test_sweeps_are_read_as_hydra_writes_them(text: str, found: Parameter) -> None:
    assert parameter(parse([text])[0]) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed=0,1", "a search would pick the luckiest seed"),
        ("K=interval(5,1)", "must have a least and a greater number"),
        ("tau=tag(log,interval(0,1))", "on a logarithmic scale the least number must be above 0"),
        ("method=glob(*)", r"write choice\(a,b\), range\(1,9,2\) or interval"),
    ],
)
def test_what_cannot_be_searched_over_is_said(text: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        parameter(parse([text])[0])


def test_a_choice_has_no_null_in_hydras_grammar_and_the_line_says_what_has() -> None:
    with pytest.raises(ConfigError, match=r"choice\(...\) takes no null; write alpha=null,256"):
        parse(["alpha=choice(null,256)"])


def test_values_are_rounded_within_the_interval_and_read_back() -> None:
    tau, K = Interval("tau", 0.05001, 0.5, log=False), Interval("K", 1, 255, log=False)
    assert [tau.text(value) for value in (0.32896120118, 0.050011, 0.5)] == ["0.329", "0.05001", "0.5"]
    assert tau.text(0.0500101) == "0.05001" and tau.value("0.329") == 0.329
    assert K.text(37) == "37" and K.value("37") == 37 and isinstance(K.value("37"), int)
    assert (tau.size, K.size, Choice("K", ("4", "8")).size) == (math.inf, 255, 2)
    assert [*K.all()][:2] == ["1", "2"] and len(K.all()) == 255


def test_parameters_of_the_sweeper_are_taken_and_the_lines_own_hold() -> None:
    space = read_space({"K": "choice(4,16)", "tau": "interval(0.1,0.5)"}, ["K=8,16", "method=simo"])
    assert space == {"K": Choice("K", ("8", "16")), "tau": Interval("tau", 0.1, 0.5, log=False)}
    with pytest.raises(ConfigError, match=r"hydra.sweeper.params: K=5: must be a choice\(...\)"):
        read_space({"K": 5}, [])
    with pytest.raises(ConfigError, match="hydra/sweeper=optuna: nothing to search over"):
        read_space({}, ["K=5"])
