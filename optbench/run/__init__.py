"""Running the cohorts of a sweep: sessions, executors, the loop over them, and the isolation of users' code.

The only floor that fills a results folder; it knows nothing of what is said about the results.
"""
