"""How many negatives do my images need? The smallest K whose predicted loss of linear accuracy is within a tolerance.

python scripts/find_k.py dataset=image_folder dataset.root=photos [tolerance=1.0] [check=true]

Any method with negatives and any setting of train.py. It trains a pilot with all negatives, measures what fewer would
lose on its encoder, and reads off the curve of docs/results/negatives what that costs (curve=<result.json> of another
theory=cost). check=true trains K and the pilot's K on seeds=5 paired seeds and says whether they are equivalent; seed=0
is that of the pilot and the first of them. No labels are needed but for the check. The same line with the same
out=<folder> goes on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.find_k import check, pilot, read_asked, saving
from contrastive_lab.launch.script import exit_code
from contrastive_lab.record.result import read_result


def main() -> None:
    """Train the pilot, judge, check, and leave a page."""
    if {"-h", "--help"} & {*sys.argv[1:]}:
        print((__doc__ or "").strip())
        return
    prepare()
    asked = read_asked(sys.argv)
    from contrastive_lab.analysis.curve import read_curve  # here, so that errors need not wait for torch
    from contrastive_lab.analysis.enough import answer

    curve = read_curve(asked.curve)
    folder = pilot(asked)
    found = answer(folder, curve, asked.tolerance)
    few, most = found.K, found.table[-1]["K"]
    sentences = [text for text in (found.reason, found.along, found.trust) if text]
    if few is not None and few < most:
        sentences.append(saving(folder, few, most))
        if asked.check and read_result(folder).scores.get("linear_top1") is None:
            sentences.append("Not checked: no linear accuracy, which needs labelled test images.")
        elif asked.check:
            sentences += check(asked, few, most)
    print(*["", *sentences], sep="\n")
    print(f"The page: {found.write(asked.out, sentences)}")


if __name__ == "__main__":
    sys.exit(exit_code(main))
