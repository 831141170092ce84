"""The front door: what ``import caloforge`` offers, and what every command calls, so that both check the same things.

``open``, ``load``, ``generate``, ``validate``, ``train``, ``simulate``: functions on plain objects, files or names.
"""
