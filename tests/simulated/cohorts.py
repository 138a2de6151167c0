"""Every problem and every rule in two small cohorts, run together."""

from gpu_cases import COHORTS, collected

from optbench.engine.cuda.cohorts import run_cohorts


def run():
    found = {}
    for k, case in enumerate(COHORTS):
        problem, optimizer, rest = case.arguments()
        for seed, cohort in enumerate(run_cohorts(problem, optimizer, [(s, case.lanes()) for s in (0, 1)], **rest)):
            found |= {f"{k} {seed} {name}": array for name, array in collected(cohort).items()}
    return found
