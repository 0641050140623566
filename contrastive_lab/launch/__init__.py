"""What stands between the command line and a run: the line, experiments, plans, jobs, the sweep's report."""

import sys

if sys.platform == "win32":  # which has no locks on folders, and no signals between processes
    sys.stderr.write("error: Windows is not supported; its Linux (WSL) is\n")
    sys.exit(2)
