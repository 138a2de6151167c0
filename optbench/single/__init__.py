"""One cohort outside any sweep: single runs, and the minimization of a user's function.

Rule: nothing here reads or writes a results folder.
"""
