"""What there is by name: the one loader of plug-in files, the shipped ones, and what list and show tell.

Records in, records out; nothing here compiles or runs anything.
"""
