"""What the exercises of the course ask for: one module a chapter, with ``check(answer)`` in it."""
