"""One run and one cohort: settings, mini-batches, lanes, and what they saw; on the CPU or on a GPU.

Records in, arrays out; it knows neither specs nor tables nor folders.
"""
