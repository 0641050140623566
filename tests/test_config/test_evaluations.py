from typing import Any

import pytest
from pydantic import BaseModel

from contrastive_lab.config.evaluations import KnnProbe, OnlineProbe
from contrastive_lab.evaluation import callbacks
from tests.test_config.test_schema import check_tied


@pytest.mark.parametrize(("model", "target"), [(OnlineProbe, callbacks.OnlineProbe), (KnnProbe, callbacks.KnnProbe)])
def test_the_settings_of_a_probe_are_its_parameters(model: type[BaseModel], target: Any) -> None:
    check_tied(model, target)
