from pathlib import Path

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.find import read_sweep
from contrastive_lab.report.tables import latex, markdown, run_rows, setting_cells, setting_rows
from tests.sweep_folder import grid_of, seeds, write_run, write_sweep


def test_runs_that_differ_in_their_seed_alone_are_one_setting(tmp_path: Path) -> None:
    jobs = [*seeds([80, 82, 84], K=4, alpha=None), *seeds([85, 87], K=4, alpha=256), *seeds([90], K=16, alpha=None)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    assert (grid.x, grid.hue, grid.keys) == ("K", "alpha", ["K", "alpha"])
    assert [(s.values, s.summary("linear_top1").mean) for s in grid.settings] == [
        ({"K": 4, "alpha": None}, 82.0),
        ({"K": 4, "alpha": 256}, 86.0),
        ({"K": 16, "alpha": None}, 90.0),
    ]
    assert [grid.name(line) for line in grid.lines] == ["alpha = K (InfoNCE)", "alpha = 256"]


def test_only_finished_runs_count(tmp_path: Path) -> None:
    jobs = [
        *seeds([80], K=4),
        ({"K": 4, "seed": 1}, {"status": "failed", "linear_top1": 10.0}),
        ({"K": 4, "seed": 2}, {"status": "running"}),
        ({"K": 8, "seed": 0}, None),
    ]
    rows = setting_rows(grid_of(write_sweep(tmp_path / "s", jobs)))
    assert [(row["done"], row["planned"], row["linear_top1_mean"]) for row in rows] == [(1, 3, 80.0), (0, 1, None)]


def test_a_run_done_twice_is_no_second_sample(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=4, note="a"), *seeds([90], K=4, note="b")])
    (folder / "sweep.json").write_text(
        (folder / "sweep.json").read_text().replace('"note=a", ', "").replace('"note=b", ', "")
    )
    (setting,) = grid_of(folder).settings
    assert (setting.planned, setting.summary("linear_top1").n, setting.summary("linear_top1").mean) == (2, 2, 85.5)


def test_axis_and_colours_are_the_users_else_the_experiments_else_k_and_alpha(tmp_path: Path) -> None:
    jobs = [*seeds([80], K=4, alpha=256, tau=0.1), *seeds([81], K=8, alpha=None, tau=0.2)]
    folder = write_sweep(tmp_path / "s", jobs, experiment={"x": "tau", "hue": "K", "y": "knn_top1"})
    assert (grid_of(folder).x, grid_of(folder).hue, grid_of(folder).y) == ("tau", "K", "linear_top1")
    measured = [(told, {**(result or {}), "knn_top1": 70.0}) for told, result in jobs]
    assert grid_of(write_sweep(tmp_path / "t", measured, experiment={"x": "K", "y": "knn_top1"})).y == "knn_top1"
    assert grid_of(folder, x="K").hue == "alpha"
    assert grid_of(folder, x="alpha", hue="tau").hue == "tau"
    with pytest.raises(ConfigError, match=r"x=k: no run .* varied there: K, alpha, tau"):
        grid_of(folder, x="k")
    with pytest.raises(ConfigError, match="hue=K: is the x axis"):
        grid_of(folder, x="K", hue="K")


def test_a_folder_without_a_plan_is_read_by_what_its_runs_were_told(tmp_path: Path) -> None:
    for place, K, alpha in (("a", 4, "null"), ("b", 16, "256.0")):
        write_run(tmp_path / place, {"K": K, "linear_top1": 80.0, "seed": 0})
        hydra = tmp_path / place / ".hydra"
        hydra.mkdir()
        about = "about: {id: simo, pool: batch, views: 2, key_encoder: true}"
        (hydra / "config.yaml").write_text(f"K: {K}\nalpha: {alpha}\nseed: 0\ntau: 0.2\nbatch_size: 64\n{about}\n")
        (hydra / "overrides.yaml").write_text(f"- K={K}\n" + ("- alpha=256\n" if K == 16 else ""))
        (tmp_path / place / "command.txt").write_text(f"python train.py K={K}\n")
    sweep = read_sweep(tmp_path)
    assert sweep.varied == ["K", "alpha"]  # tau was told to none
    assert [run.settings for run in sweep.runs] == [{"K": 4, "alpha": None}, {"K": 16, "alpha": 256.0}]
    assert sweep.commands == ["python train.py K=4", "python train.py K=16"]
    assert [run.path for run in read_sweep(tmp_path / "a").runs] == ["."]


def test_a_folder_without_runs_is_refused_in_one_line(tmp_path: Path) -> None:
    for folder, reason in ((tmp_path / "none", "no such folder"), (tmp_path, "neither a sweep.json")):
        with pytest.raises(ConfigError, match=reason):
            read_sweep(folder)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ConfigError, match=r"sweep\.json cannot be read"):
        read_sweep(tmp_path)


def test_a_damaged_result_is_a_failure_of_that_run_alone(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([81], K=8)])
    (folder / "K=8,seed=0" / "result.json").write_text('{"status": "do')
    assert [run.status for run in read_sweep(folder).runs] == ["done", "failed"]


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
    assert r"a\textasciicircum{}b\textasciitilde{}" in text
    assert r"80.50 $\pm$ 0.50" in text
    plain = text.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")


def test_the_table_of_runs_has_each_run_once_with_what_it_was_told(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4, alpha=None), ({"K": 8, "alpha": 256, "seed": 0}, None)])
    first, second = run_rows(grid_of(folder))
    assert (first["status"], first["alpha"], first["linear_top1"]) == ("done", "null", 80)
    assert (second["status"], second["K"], second["folder"]) == ("missing", 8, "K=8,alpha=256,seed=0")
