"""The command line: one file a command.

Commands read options, call the rooms and print; what they compute can be had from Python as well. The most used import
the rooms inside, so that their help does not wait for PyTorch.
"""
