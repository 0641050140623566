from contrastive_lab.config import evaluation
from contrastive_lab.config.model import problems


def test_a_probe_of_probes_is_named_with_its_key() -> None:
    values = {"online": {"every_n_epochs": 1, "lr": 0.1}, "knn": {"every_n_epochs": 5, "k": 200, "temperature": 0.1}}
    assert problems(evaluation.Probes, values, "probes") == []
    wrong = values | {"knn": {"every_n_epochs": 0, "k": 200, "temperature": 0.1}}
    assert problems(evaluation.Probes, wrong, "probes") == ["probes.knn.every_n_epochs=0: must be 1 or more"]
