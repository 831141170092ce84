"""Public sets of showers by name: which there are, and fetching them, resumed and verified."""

__all__: list[str] = []
