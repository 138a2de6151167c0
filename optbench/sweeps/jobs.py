"""Plans -> jobs, each one call of an engine: a cohort on the CPU, or many cohorts at once on a GPU."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from optbench.contract.errors import in_one_line
from optbench.engine.cohort import Cohort, run_cohort
from optbench.sweeps.plan import CohortPlan


@dataclass(frozen=True)
class Job:
    """Plans that differ in nothing but their seed and id; on the CPU it is one."""

    plans: tuple[CohortPlan, ...]
    device: str = "cpu"
    note: str = ""
    """Why the CPU must do what a GPU was meant to do."""

    @property
    def pair(self) -> str:
        return pair(self.plans[0])

    def run(
        self, progress: Callable[[int], None] = lambda run_steps: None, stop: Callable[[], bool] = lambda: False
    ) -> list[Cohort]:
        """The cohorts of the plans, in order. Raises lanes.Cancelled once ``stop`` says yes."""
        plan = self.plans[0]
        same = {"batch_size": plan.batch_size, "steps": plan.steps, "dtype": plan.dtype, "deadline": plan.deadline,
                "progress": progress, "stop": stop}  # fmt: skip
        if self.device == "cpu":
            cohort = run_cohort(plan.problem, plan.optimizer, plan.lanes, seed=plan.seed, **same)
            cohort.device_note = self.note
            return [cohort]
        from optbench.engine.cuda import cohorts

        return cohorts.run_cohorts(
            plan.problem, plan.optimizer, [(each.seed, each.lanes) for each in self.plans], **same
        )


def refusal(plan: CohortPlan) -> str | None:
    """Why a GPU cannot run the plan, after its kernels were compiled for it; None where it can."""
    from optbench.engine.cuda import cohorts

    reason = cohorts.refuses(plan.problem, plan.optimizer)
    if reason is None:
        try:
            cohorts.compiled(plan.problem, plan.optimizer, plan.dtype, plan.batch_size)
        except Exception as error:  # a plug-in that is fine on the CPU may ask too much of a GPU
            reason = in_one_line(error)
    return reason


def pair(plan: CohortPlan) -> str:
    return f"{plan.problem.name} with {plan.optimizer.name}"


def grouped(plans: Iterable[CohortPlan], *names: str) -> list[list[CohortPlan]]:
    """The plans of one problem, optimizer and dtype, and that agree in the fields ``names``, together; in order."""
    groups: dict[tuple, list[CohortPlan]] = {}
    for plan in plans:
        key = plan.problem.name, plan.optimizer.name, plan.dtype, *(getattr(plan, name) for name in names)
        groups.setdefault(key, []).append(plan)
    return list(groups.values())
