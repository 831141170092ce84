"""Generated showers against truth: every metric, a checklist, a verdict, a report.

Judges files; `metrics` and `classifiers` do the measuring.
"""
