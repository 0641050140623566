"""A sweep's report as one Weights & Biases run: its figures, sentences and tables."""

import os
from pathlib import Path
from typing import Any

from contrastive_lab.program import program
from contrastive_lab.record.plan import Job, read_plan
from contrastive_lab.record.run import has_config, stored_config
from contrastive_lab.record.tables import read_table
from contrastive_lab.run.wandb_run import destination, log_artifact, open_run


def log_report(folder: Path) -> None:
    """Log the report in a sweep's folder: job_type "report", in the group, project and entity of the sweep's runs.

    Logged again, it goes to the same run, whose id is in `<folder>/wandb_run_id.txt`. Without report/runs.csv in the
    folder it is a ValueError.
    """
    runs = folder / "report" / "runs.csv"
    if not runs.is_file():
        raise ValueError(f"{folder}: no report/runs.csv in it; {program('report')} sweep={folder} writes the report")
    import wandb

    sweep = read_plan(folder)
    facts = {name: getattr(sweep, name) for name in ("name", "command", "overrides", "scale")}
    names = {"name": f"{sweep.name}-report", "group": sweep.name, "job_type": "report", "tags": ["report"]}
    report, stems = folder / "report", {"runs": "runs", "settings": "table", "comparisons": "comparisons"}
    read = {name: read_table(path) for name, stem in stems.items() if (path := report / f"{stem}.csv").is_file()}
    tables = {name: wandb.Table(columns=columns, data=rows) for name, (columns, rows) in read.items()}
    place = _destination(folder, sweep.jobs)
    artifacts = place.pop("artifacts", False)
    with open_run(folder, resumed=True, config=facts, **names, **place) as run:
        figures = sorted((report / "figures").glob("*.png"))
        pictures = {f"figures/{path.stem}": wandb.Image(str(path)) for path in figures}
        run.log({**tables, **pictures})
        if artifacts:
            log_artifact("report", f"{sweep.name}-report", report)
        run.summary["jobs"] = len(read["runs"][1])
        if (report / "verdict.txt").is_file():
            run.summary["verdict"] = (report / "verdict.txt").read_text()


def _destination(folder: Path, jobs: list[Job]) -> dict[str, Any]:
    """Project and entity of the first job that has them, and whether it keeps artifacts."""
    for job in jobs:
        run = folder / job.folder
        if has_config(run) and (config := stored_config(run)).logger.name == "wandb":
            told = {name: value for name, value in destination(config).items() if name in ("project", "entity")}
            return told | {"artifacts": config.logger.get("artifacts", False)}
    return {"project": os.environ.get("WANDB_PROJECT", "contrastive_lab")}
