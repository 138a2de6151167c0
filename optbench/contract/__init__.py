"""The foundation of the package: records of optimizers, schedules and problems, their decorators, and validation.

Imports nothing of this package; everything else may import it.
"""
