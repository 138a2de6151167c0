"""From a spec to finished tables: spec, plan, executor, store, and the loader that reads them back.

The only floor that writes result folders.
"""
