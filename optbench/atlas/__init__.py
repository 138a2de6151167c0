"""Where an optimizer stands among others: in a finished sweep.

A newcomer is an ordinary sweep of one optimizer beside another one: what is planned, run and judged is as there.
"""
