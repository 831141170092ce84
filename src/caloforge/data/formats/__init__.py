"""Shower files of other projects, one module a format: told by content, opened, streamed, written."""
