"""The commands, a module each, with what they print.

Thin: a command reads its options, calls the package, and shows the answer.
"""
