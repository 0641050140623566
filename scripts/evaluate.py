"""Evaluate a stored run by one of the papers' protocols.

python scripts/evaluate.py run=outputs/simo/<date> evaluation=linear|linear_moco|mean|knn
python scripts/evaluate.py run=outputs/simo/<date> evaluation=knn evaluation.features=h|z|pixels evaluation.k=20
python scripts/evaluate.py run=outputs/simo/<date> evaluation=knn data_dir=/data dataset.root=/where/they/are/now
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.config.identity import MOVED, moved
from contrastive_lab.config.overrides import composed
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.script import Values, run_script, stored_folder
from contrastive_lab.record.run import stored_config


def main(values: Values) -> None:
    """Check the line, load the encoder, print and store its accuracies."""
    folder = stored_folder(values["run"])
    prepare()
    asked = composed([f"{key}={value}" for key, value in values.items() if key.startswith("evaluation")])
    config = moved(stored_config(folder), values)
    config.evaluation = asked.evaluation
    from contrastive_lab.run.evaluate import evaluate_run  # here, so that errors need not wait for torch

    print(evaluate_run(folder, config))


if __name__ == "__main__":
    forms = ("run=<folder of a run>", "evaluation=<protocol>", "evaluation.*=<value>")
    sys.exit(run_script(main, __doc__, *forms, *(f"{key}=<where it is now>" for key in MOVED)))
