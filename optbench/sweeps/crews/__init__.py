"""Who runs the jobs of a sweep: threads of this process.

Every crew is what ``contract.py`` says; the executor hands it jobs, few at a time, and hears of each that has ended.
"""
