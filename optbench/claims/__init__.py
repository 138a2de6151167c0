"""Experiments with a verdict: their records, criteria, runs and page.

Knows no single claim; the lecture brings them.
"""
