"""From the folder of a sweep to its tables, figures and one page: reads the runs' own files, needs no torch."""

from contrastive_lab.report.write import write_report

__all__ = ["write_report"]
