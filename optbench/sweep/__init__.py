"""From a spec to finished tables: spec.py reads it, plan.py expands it, runner.py runs it, store.py keeps it."""
