import importlib
import sys

import numpy as np

# The simulator waits for its threads in a loop that asks and asks: let them interrupt it soon.
sys.setswitchinterval(1e-3)
name, out = sys.argv[1:]
np.savez(out, **importlib.import_module(f"simulated.{name}").run())
