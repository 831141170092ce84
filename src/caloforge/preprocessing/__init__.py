"""Showers in MeV <-> what a network sees, with the log-determinant of the way.

Fitted on training showers only, saved beside the weights.
"""
