"""The power of the validation: how many showers each metric needs to see a known fault."""

__all__: list[str] = []
