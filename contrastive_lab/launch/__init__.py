"""What stands between the command line and a run: the line, experiments, plans, jobs, the sweep's report."""
