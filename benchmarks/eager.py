"""What a step of PyTorch's and optax' optimizers costs beside a rule's, in nanoseconds of CPU time a run-step.

    taskset -c 0 python benchmarks/eager.py              # some minutes; needs the extras torch and optax
    taskset -c 0 python benchmarks/eager.py --only 'logistic/*'

The sides take turns in one process, so that a slow moment of the machine hits all; what counts is the ratio to adamw.
Both sides pay for gradients, batches and divergence checks, which on large problems is most of it.
"""

import argparse
import fnmatch
import time

import optbench

PROBLEMS = {"rosenbrock": ("rosenbrock", "full"), "logistic": ("logistic", 64), "mlp": ("mlp", 64)}
"""2, 31 and 2,410 parameters; by name: the problem and the batch size."""
SIDES = ("adamw", "torch:AdamW", "torch:SGD", "torch:AdamW(fused=True)", "optax:adamw", "optax:sgd")
LANES = (1, 64)
SECONDS = 0.05
"""Of CPU time that a measurement takes at least."""
TURNS = 5


def cost(problem: str, size: int | str, optimizer: str, lanes: int) -> float:
    """Nanoseconds of CPU time that a run-step takes, evaluations and preparations aside."""
    settings = [{"lr": 1e-4 * (1 + lane / lanes)} for lane in range(lanes)]

    def seconds(steps: int) -> float:
        begin = time.process_time()
        optbench.cohort(problem, optimizer, settings, steps=steps, batch_size=size, points=[steps])
        return time.process_time() - begin

    steps = 16
    while (spent := seconds(3 * steps) - seconds(steps)) < SECONDS:  # the difference leaves out what is done once
        steps *= 4
    return 1e9 * spent / (2 * steps * lanes)


def main() -> None:
    """Print a row for each problem and number of lanes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", help="a pattern of PROBLEM/LANES")
    only = parser.parse_args().only
    print(f"{'problem/lanes':<16}{''.join(f'{side:>26}' for side in SIDES)}")
    for name, (problem, size) in PROBLEMS.items():
        for lanes in LANES:
            if not fnmatch.fnmatch(f"{name}/{lanes}", only):
                continue
            best = dict.fromkeys(SIDES, float("inf"))
            for turn in range(TURNS + 1):
                for side in SIDES:
                    spent = cost(problem, size, side, lanes)
                    if turn:  # the first one compiles
                        best[side] = min(best[side], max(spent, 1.0))
            cells = (f"{best[side]:,.0f} ({best[side] / best['adamw']:,.1f})" for side in SIDES)
            print(f"{name}/{lanes}".ljust(16) + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
