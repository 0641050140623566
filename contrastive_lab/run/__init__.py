"""One run, from a configuration to a folder that describes it; and the jobs of a multirun."""
