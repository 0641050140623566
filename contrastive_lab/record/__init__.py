"""The reader and writer of what lies on disk: configurations, results, metrics, sweeps, provenance."""
