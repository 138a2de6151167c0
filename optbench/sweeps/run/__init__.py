"""Running the cohorts of a sweep: executors, the loop over them, and the isolation of users' code."""
