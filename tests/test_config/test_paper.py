from collections.abc import Callable

from omegaconf import DictConfig

from contrastive_lab.config.paper import paper_differences

Compose = Callable[..., DictConfig]


def test_what_differs_from_the_paper_is_told(compose: Compose) -> None:
    lines = paper_differences(compose("method=moco_v2", "tau=0.1"))
    assert "tau 0.1 (paper: 0.2)" in lines
    assert "dataset.name fashion_mnist_mini (paper: image_folder)" in lines
    assert not [line for line in lines if line.startswith("alpha")]
