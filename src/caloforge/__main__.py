"""`python -m caloforge`: the command line, for starters such as torchrun that take modules."""

__all__ = ["run"]

from caloforge.cli.main import run

if __name__ == "__main__":
    run()
