"""The space of a search: keys with values to choose from or an interval, as Hydra's grammar writes them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override

from contrastive_lab.config.overrides import parse
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 4  # of a value of an interval, so that folders and tables can be read


@dataclass(frozen=True)
class Choice:
    """A key with values, as they are typed."""

    key: str
    values: tuple[str, ...]

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)

    def ends(self) -> Sequence[str]:
        """Values that can be tried if all can: all of them."""
        return self.values

    def all(self) -> Sequence[str]:
        """All values."""
        return self.values

    def distribution(self) -> "BaseDistribution":
        """Optuna's."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    def text(self, value: Any) -> str:
        """A value of the distribution as it is typed."""
        return str(value)

    def value(self, text: str) -> Any:
        """What was typed as a value of the distribution."""
        return text


@dataclass(frozen=True)
class Interval:
    """A key with all numbers from `low` to `high`, whole ones where both are, evenly by their logarithms if `log`."""

    key: str
    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.whole else math.inf

    def ends(self) -> Sequence[str]:
        """Values that can be tried if all can: the least and the greatest."""
        return (str(self.low), str(self.high))

    def all(self) -> Sequence[str]:
        """All values, where they are whole numbers."""
        return [str(value) for value in range(int(self.low), int(self.high) + 1)]

    def distribution(self) -> "BaseDistribution":
        """Optuna's."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def text(self, value: Any) -> str:
        """A value of the distribution as it is typed, rounded to four digits within the interval."""
        return str(value) if self.whole else str(min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high))

    def value(self, text: str) -> Any:
        """What was typed as a value of the distribution."""
        return int(text) if self.whole else float(text)


Parameter = Choice | Interval


def parameter(override: Override) -> Parameter:
    """The key and values of an override such as "tau=interval(0.05,0.5)"; a ConfigError says what is wrong with it."""
    key, line = override.get_key_element(), str(override.input_line)
    if key == "seed":
        raise ConfigError(f"{line}: a search would pick the luckiest seed; give one, and run the best with several")
    if override.is_interval_sweep():
        return _interval(key, line, override.value())
    try:
        texts = [key_and_value(text)[1] for text in map(_with_key, override.sweep_string_iterator())]
    except Exception:  # glob(*), which looks options up, and what sorts or shuffles what it cannot
        raise ConfigError(f"{line}: write choice(a,b), range(1,9,2) or interval(0.1,0.5)") from None
    return Choice(key, tuple(dict.fromkeys(texts)))


def _with_key(text: str) -> str:
    return f"x={text}"


def _interval(key: str, line: str, sweep: Any) -> Interval:
    assert isinstance(sweep, IntervalSweep)
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    if low is None or high is None or not -math.inf < low < high < math.inf:
        raise ConfigError(f"{line}: must have a least and a greater number, e.g. interval(0.05,0.5)")
    if log and low <= 0:
        raise ConfigError(f"{line}: on a logarithmic scale the least number must be above 0")
    return Interval(key, low, high, log)


def read_space(params: Mapping[str, Any], line: list[str]) -> dict[str, Parameter]:
    """What is searched over, by key: the sweeps of the overrides of a line, and of hydra.sweeper.params.

    Raises:
        ConfigError: if there is nothing, or something wrong.
    """
    told = {key: f"{key}={value}" for key, value in params.items()}
    told |= {o.get_key_element(): str(o.input_line) for o in parse(line) if o.is_sweep_override()}
    found = {key: parse([text])[0] for key, text in told.items()}
    if wrong := [text for key, text in told.items() if not found[key].is_sweep_override()]:
        raise ConfigError(f"hydra.sweeper.params: {wrong[0]}: must be a choice(...), range(...) or interval(...)")
    if not found:
        example = "'K=choice(4,16,64)' 'tau=interval(0.05,0.5)'"
        raise ConfigError(f"hydra/sweeper=optuna: nothing to search over; write e.g. {example}")
    return {key: parameter(override) for key, override in found.items()}
