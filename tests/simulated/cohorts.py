"""Every problem and every rule in two small cohorts, run together."""

from gpu_cases import COHORTS, collected

from optbench.engine.run_cohorts import run_together


def run():
    found = {}
    for k, case in enumerate(COHORTS):
        for seed, outcome in enumerate(run_together(case.cohorts("cuda"))):
            found |= {f"{k} {seed} {name}": array for name, array in collected(outcome).items()}
    return found
