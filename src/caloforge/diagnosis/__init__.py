"""How generative models go astray, seen and measured.

Collapse, extrapolation, coverage of intervals, amplification: a folder each, a finding for each test.
"""
