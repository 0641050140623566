import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from contrastive_lab.report.tables import latex, markdown, setting_cells, setting_table, write_frame, write_tables
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_a_name_or_a_text_that_looks_like_a_formula_gets_a_quote(tmp_path: Path) -> None:
    texts = ("=HYPERLINK(1)", "\r=1", "\n=1", "@SUM(1)", "plain")
    write_frame(tmp_path / "x.csv", pd.DataFrame({text: [text] for text in texts}))
    with (tmp_path / "x.csv").open(newline="") as file:
        head, row = csv.reader(file)
    assert head == row == [*(f"'{text}" for text in texts[:-1]), "plain"]


def test_only_finished_runs_count(tmp_path: Path) -> None:
    jobs = [
        *seeds([80], K=4),
        ({"K": 4, "seed": 1}, {"status": "failed", "linear_top1": 10.0}),
        ({"K": 4, "seed": 2}, {"status": "running"}),
        ({"K": 8, "seed": 0}, None),
    ]
    table = setting_table(grid_of(write_sweep(tmp_path / "s", jobs)))
    assert table[["done", "planned", "linear_top1_n"]].to_numpy().tolist() == [[1, 3, 1], [0, 1, 0]]
    assert table["linear_top1_mean"].to_list() == [80.0, pytest.approx(math.nan, nan_ok=True)]


def test_each_setting_has_its_paired_difference_to_the_reference(tmp_path: Path) -> None:
    values = {"spectral": [80, 81, 82], "hard": [81, 82.5, 82.5], "dcl": [90]}
    grid = grid_of(write_sweep(tmp_path / "s", [job for loss, own in values.items() for job in seeds(own, loss=loss)]))
    table = setting_table(grid).set_index("loss").filter(like="linear_top1_difference_")
    table.columns = table.columns.str.removeprefix("linear_top1_difference_")
    assert list(table) == ["to", "mean", "low", "high", "n", "p", "p_equal"]  # nothing was stored of the images
    assert table.drop("hard").isna().all(axis=None)
    hard, half = table.loc["hard"], 4.302653 * 0.5 / math.sqrt(3)  # t of 97.5 %; the standard deviation is 0.5
    assert hard["to"] == "loss = spectral"
    assert hard[["mean", "low", "high", "n"]].to_list() == pytest.approx([1, 1 - half, 1 + half, 3])
    assert (hard["p"], hard["p_equal"]) == pytest.approx((0.0742, 0.8873), abs=1e-4)  # t = 3.4641 and -1.7321
    head, *rows = setting_cells(grid)
    assert head[-1] == "linear top-1, paired difference"
    assert [row[-1] for row in rows] == ["", f"+1.00 ± {half:.2f} to loss = spectral", ""]


def test_what_evaluate_scored_and_the_effective_rank_are_columns_behind_the_probes(tmp_path: Path) -> None:
    more = {"knn_top1": 70.0, "online_top1": 60.0, "loss": 1.0, "effective_rank": 9.5}
    jobs = [({"K": 4, "seed": 0}, {"linear_top1": 80.0, **more})]
    jobs += [({"K": 8, "seed": 0}, {"linear_top1": 82.0, **more, "mean_h_top1": 66.0, "mean_h_top5": 99.0})]
    head, *rows = setting_cells(grid_of(write_sweep(tmp_path / "s", jobs)))
    told = ["linear top-1, percent", "kNN top-1, percent", "mean classifier on h top-1, percent", "loss, nats"]
    assert head[2:7] == [*told, "effective rank, dimensions"]
    assert [row[4].partition(" ")[0] for row in rows] == ["", "66.00"]


def cells(line: str) -> list[str]:
    """What a reader of Markdown sees between the bars of a line."""
    parts = line.replace(r"\|", "\0").strip().strip("|").split("|")
    return [part.strip().replace("\0", "|").replace("\\", "") for part in parts]


def test_markdown_reads_back_as_the_same_cells() -> None:
    table = [["K", "a|b_c"], ["1", "80.0 ± 0.5"], ["*2*", "<x>"]]
    head, bar, *rows = markdown(table).splitlines()
    assert [cells(head), *map(cells, rows)] == table
    assert cells(bar) == ["---:"] * 2


def test_latex_has_as_many_cells_in_each_row_and_no_bare_command(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=4, note="50%_&#{x}"), *seeds([82, 83], K=8, note="a^b~")])
    text = latex(setting_cells(grid_of(folder)))
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    columns = text[text.index("{tabular}{") :].split("}")[1].removeprefix("{")
    assert {row.replace(r"\&", "").count("&") + 1 for row in rows} == {len(columns)}
    assert r"50\%\_\&\#\{x\}" in text
    assert r"a\textasciicircum b\textasciitilde " in text
    assert r"80.5 $\pm$ 6.4" in text
    plain = text.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")


def test_the_table_of_runs_has_each_run_once_with_what_it_was_told(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4, alpha=None), ({"K": 8, "alpha": 256, "seed": 0}, None)])
    write_tables(grid_of(folder), tmp_path)
    with (tmp_path / "runs.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["status"], first["alpha"], first["linear_top1"]) == ("done", "null", "80")
    assert (second["status"], second["K"], second["folder"]) == ("missing", "8", "K=8,alpha=256,seed=0")
