"""The figures of a validation report.

Each takes what was measured and draws it with units, errors and ratio panels.
"""
