"""What is done to files of showers after they were made: streamed in blocks, noted in the provenance, step by step."""

__all__: list[str] = []
