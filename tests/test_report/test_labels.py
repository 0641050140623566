import pytest

from contrastive_lab.report.labels import is_accuracy, label, pair, settings_text, title, unit, wrapped


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("alpha", None, "alpha = K"),
        ("K", None, "K = null"),
        ("tau", 0.2, "tau = 0.2"),
        ("x", True, "x = true"),
    ],
)
def test_a_setting_reads_as_it_is_typed_and_alpha_null_as_K(key: str, value: object, text: str) -> None:
    assert pair(key, value) == text


@pytest.mark.parametrize(
    ("loss", "text"),
    [("spectral", "K = 4, loss = spectral"), ("nce", "K = 4, loss = nce"), ("hard", "K = 4, alpha = K, loss = hard")],
)
def test_a_loss_without_alpha_is_told_without(loss: str, text: str) -> None:
    assert settings_text({"K": 4, "alpha": None, "loss": loss}) == text
    assert settings_text({"alpha": None}) == "alpha = K" and settings_text({}) == ""


@pytest.mark.parametrize(
    ("metric", "name", "of"),
    [
        ("knn_top1", "kNN top-1", "percent"),
        ("linear_moco_top5", "linear (MoCo's protocol) top-5", "percent"),
        ("mi_estimate", "MI estimate", "nats"),
        ("mean_h_top1", "mean classifier on h top-1", "percent"),
        ("new_metric", "new metric", ""),
    ],
)
def test_a_metric_has_a_title_and_a_unit(metric: str, name: str, of: str) -> None:
    assert (title(metric), unit(metric)) == (name, of)
    assert label(metric) == ", ".join(filter(None, (name, of)))
    assert is_accuracy(metric) == (of == "percent")


def test_a_key_and_its_value_stay_on_one_line() -> None:
    assert wrapped("alpha = 256, epochs = 1", 20).split("\n") == ["alpha\u00a0=\u00a0256,", "epochs\u00a0=\u00a01"]
