"""Results of sweeps in Python: tables of a folder, what is recommended, and how two folders compare.

Rule: a folder is data; nothing that it names is loaded or executed here.
"""
