"""A results folder: a plan, and files with a record of each cohort.

Rule: nothing here runs a cohort, and nothing that a folder names is loaded or executed.
"""
