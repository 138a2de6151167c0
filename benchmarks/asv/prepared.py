"""How all is measured: in CPU time, with what serves all samples made once."""

import resource
import time

import optbench

# asv loads this once and forks for every set of parameters: what takes a second to load is loaded here.
for _name in dir(optbench):
    getattr(optbench, _name)
optbench.optimizers(), optbench.problems()


def cpu_seconds():
    """Of this process and of all that have ended below it: others on the machine do not count."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


class Prepared:
    """asv sets up anew before every sample: what serves them all is made once, by ``prepare``."""

    timer = staticmethod(cpu_seconds)
    repeat = (2, 5, 0.5)
    """At least two and at most five samples, within half a second."""
    rounds = 1
    timeout = 600
    warmup_time = 0.02

    def setup(self, *params):
        if not vars(self).get("ready"):
            self.prepare(*params)
            self.ready = True
