"""What all floors share: the records of optimizers, schedules and problems, their decorators, and the words.

Imports nothing of this package; everything else may import it.
"""
