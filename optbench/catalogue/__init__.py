"""The catalogue: the loader of plug-in files, the shipped ones, and the data of ``list`` and ``show``.

Records in, records out; nothing here compiles or runs anything.
"""
