"""The command line: one file a command.

Commands read options, call the rooms and print; what they compute can be had from Python as well.
"""
