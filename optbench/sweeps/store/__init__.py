"""A results folder: a plan, and a set of files with a cohort each.

Rule: nothing here runs a cohort, and nothing that a folder names is loaded or executed.
"""
