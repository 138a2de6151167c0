"""The commands, a module each, with what they print.

A command's module imports what it needs when it runs, so that help and --version answer at once.
"""
