"""How many negatives do my images need: the smallest K whose predicted cost is within a tolerance.

contrastive-lab find-k dataset=image_folder dataset.root=photos [tolerance=1.0] [check=true] [seeds=5] [seed=0]

Any method with negatives and any setting of training (contrastive-lab train --help lists them). It trains a pilot with
all negatives, measures what fewer would lose on its encoder, and reads off a curve what that costs. The same line with
the same out= goes on.
"""

from collections.abc import Sequence

from contrastive_lab.config.overrides import composed
from contrastive_lab.imports import quickly
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.find_k import Asked, check, check_kind, pilot, read_asked
from contrastive_lab.launch.script import asks_for_help, exit_code, help_text
from contrastive_lab.record.result import read_result

FORMS = {
    "tolerance=<points>": "of linear accuracy that fewer negatives may cost; 1 unless told",
    "check=true": "train K and the pilot's K on paired seeds and say whether they are equivalent; needs labels",
    "seeds=<number>": "for check=true, 2 or more; 5 unless told",
    "seed=<number>": "of the pilot, and the first of check=true; 0 unless told",
    "out=<folder>": "where all of it goes; outputs/find_k/<date> unless told",
    "curve=<result.json>": "of another theory=cost than that of docs/results/negatives/cost",
}


def task(asked: Asked) -> None:
    """Train the pilot, judge, check, and leave a page."""
    with quickly():  # here, so that errors need not wait for torch
        from contrastive_lab.analysis.curve import read_curve, settings_of
        from contrastive_lab.analysis.enough import answer
        from contrastive_lab.analysis.saved import saving

    curve = read_curve(asked.curve)
    own = settings_of(composed(asked.overrides))
    check_kind(asked, curve.settings["kind"])
    folder = pilot(asked)
    found = answer(folder, curve, asked.tolerance)
    few, most = found.K, found.table[-1]["K"]
    sentences = [found.reason, found.along, found.trust, curve.beside(own)]
    if few is not None and few < most:
        sentences.append(saving(folder, few, most))
        if asked.check and read_result(folder).scores.get("linear_top1") is None:
            sentences.append("Not checked: no linear accuracy, which needs labelled test images.")
        elif asked.check:
            sentences += check(asked, few, most)
    print(*["", *sentences], sep="\n")
    print(f"The page: {found.write(asked.out, sentences)}")


def main(line: Sequence[str]) -> int:
    """Run a line of `find-k`; returns the exit code."""
    if asks_for_help(line):
        print(help_text(__doc__, FORMS))
        return 0
    prepare()
    return exit_code(lambda: task(read_asked(line)))
