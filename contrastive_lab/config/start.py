"""What a run starts from: labels and weights that do not fit its method or optimizer."""

from collections.abc import Iterator

from omegaconf import DictConfig


def start_problems(config: DictConfig) -> Iterator[str]:
    """What does not fit, a line a problem."""
    method = config.method_info
    if method.get("labels") and config.dataset.name == "stl10" and config.labels is None:
        without = f"its training images have no labels, which method={method.id} needs"
        yield f"dataset=stl10: {without}; labels=1.0 takes the 5,000 that have"
    if config.labels is not None and not method.get("labels"):
        yield f"labels={config.labels:g}: {method.name} learns without labels; set labels=null"
    if config.evaluation.name == "classifier" and not method.get("classifier"):
        yield f"evaluation=classifier: {method.name} trains none; use linear, knn or mean"
    if config.optim.nesterov and config.optim.kind == "sgd" and not config.optim.momentum:
        yield "optim.nesterov=true: needs optim.momentum above 0"
