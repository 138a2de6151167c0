"""Numbers, settings and verdicts in words, the same in the terminal, on the page and in the figures.

Takes what analysis computes and computes nothing itself. No other room searches or cuts what is written here.
"""
