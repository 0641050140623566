from typing import Literal

import pytest

from contrastive_lab.errors import ConfigError, RunError, choice, first_line


def test_a_config_error_keeps_every_problem() -> None:
    error = ConfigError("K=0: must be 1 or more", "tau=0: must be more than 0")
    assert error.problems == ("K=0: must be 1 or more", "tau=0: must be more than 0")


def test_the_first_line_of_an_error_is_never_empty() -> None:
    assert first_line(RunError("\n not finite \n at step 3")) == "not finite "
    assert first_line(ValueError()) == "ValueError"


def test_a_choice_is_one_of_those_of_a_literal() -> None:
    kinds = Literal["N-1", "2N-2"]
    assert choice("pool", "N-1", kinds) == "N-1"
    with pytest.raises(ValueError, match=r"^pool=N: must be N-1 or 2N-2$"):
        choice("pool", "N", kinds)
