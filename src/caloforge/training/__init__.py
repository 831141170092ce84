"""Showers -> run folder: the loop, its penalties and alarms, ensembles.

A run folder holds all that is needed to sample, resume and judge.
"""
