"""The Grindhammer-Peters parametrisation of electromagnetic showers.

NumPy only; the classical peer of every learned model.
"""
