from pathlib import Path

from contrastive_lab.report.references import datasets, reference_metrics, references, same_data
from tests.sweep_folder import grid_of


def test_numbers_of_a_paper_belong_to_a_metric_and_to_the_axis_they_were_measured_on(report: Path) -> None:
    folder = report.parents[1]
    grid = grid_of(folder)
    assert reference_metrics(grid) == ["linear_top1", "knn_top1"]
    assert [entry["points"] for entry in references(grid, "linear_top1")] == [
        [(4, 67.5), (16, 68.1)],
        [(4, 77.7), (16, 79.9)],
    ]
    assert reference_metrics(grid_of(folder, x="alpha", hue="K")) == []


def test_the_same_data_set_may_be_spelt_differently(report: Path) -> None:
    grid = grid_of(report.parents[1])
    assert datasets(grid) == ["fashion_mnist_mini"]
    assert [same_data(grid, entry) for entry in references(grid, "linear_top1")] == [False, True]
