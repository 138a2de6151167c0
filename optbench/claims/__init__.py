"""What an experiment with a verdict is: record, criterion, run, page.

Knows no single claim; the lecture brings them.
"""
