"""Programs of the theory with the settings of their yaml, as the command line hands them over."""

from functools import partial
from typing import Any, cast

from hydra.utils import get_method
from omegaconf import OmegaConf

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.config import CONF


def with_settings(name: str, **settings: Any) -> partial[AnalysisResult]:
    """The program `name` with some settings changed; those that a call gives come first."""
    values = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(CONF / "theory" / f"{name}.yaml")))
    run = get_method(values.pop("_target_"))
    return partial(run, **values | settings)
