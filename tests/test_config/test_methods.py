from contrastive_lab.config import methods
from contrastive_lab.config.model import problems


def test_a_momentum_lies_between_0_and_1() -> None:
    values = {"momentum": 0.99, "symmetric": False, "batchnorm": "shuffle"}
    assert problems(methods.MoCo, values) == []
    assert problems(methods.MoCo, values | {"momentum": 1.5}) == ["momentum=1.5: must be between 0 and 1"]
