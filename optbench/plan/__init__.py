"""What a sweep will run: its spec, its trials, and the cohorts of each stage.

Rule: nothing here runs a cohort or writes into a results folder.
"""
