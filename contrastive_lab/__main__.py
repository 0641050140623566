"""`python -m contrastive_lab <command> ...`, the same as `contrastive-lab <command> ...`."""

import sys

from contrastive_lab.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
