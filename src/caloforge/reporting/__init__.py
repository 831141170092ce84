"""Pages, figures and their style, for validation, reweighting, diagnosis and interpretation.

One self-contained HTML file with its plots as PNG and PDF; nothing is measured here.
"""
