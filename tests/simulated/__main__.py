import importlib
import sys

import numpy as np

name, out = sys.argv[1:]
np.savez(out, **importlib.import_module(f"simulated.{name}").run())
