"""The order in which a stage's cohorts are submitted, and what becomes of their results."""

from concurrent.futures import Future

import pytest
from harness import plan_of, run_stage

from optbench.contract.errors import OptbenchError
from optbench.sweeps.spec import make_spec
from optbench.sweeps.store.folder import Store

SPEC = {"problems": [{"name": "rosenbrock", "steps": 5}, {"name": "saddle", "steps": 50}], "optimizers": ["gd", "adam"],
        "learning_rates": [1e-3], "batch_sizes": ["full"], "seeds": 3, "tuning_seeds": 1, "steps": 9}  # fmt: skip


class Recorder:
    """An executor that runs nothing: all cohorts fail, or the sweep ends with ``error``."""

    capacity = 2

    def __init__(self, cohorts_per_job=1, error=None):
        self.cohorts_per_job, self.jobs, self.error, self.stopped = cohorts_per_job, [], error, False

    def submit(self, job, on_progress):
        self.jobs.append(job)
        future = Future()
        if self.error:
            future.set_exception(self.error)
        else:
            future.set_result(job.failed("it does not run"))
        return future

    def stop(self):
        self.stopped = True


@pytest.fixture
def ran(tmp_path):
    """ran(options) -> (the plan's cohorts, the status)"""

    def call(**options):
        plan = plan_of(make_spec(SPEC, {}))
        store = Store(tmp_path / "out", plan.spec, {})
        cohorts = list(plan.cohorts)
        return cohorts, run_stage(cohorts, store, **options)

    return call


def test_the_longest_comes_first_unless_another_one_has_priority(ran):
    executor = Recorder()
    cohorts, status = ran(executor=executor, priority=lambda each: -each.cohort.seed)
    submitted = [each for job in executor.jobs for each in job.cohorts]
    position = {each.cohort_id: place for place, each in enumerate(cohorts)}
    expected = sorted(cohorts, key=lambda each: (-each.cohort.seed, -each.cost, position[each.cohort_id]))
    assert [each.cohort_id for each in submitted] == [each.cohort_id for each in expected]
    assert len({each.cost for each in cohorts}) == 4 and not executor.stopped
    assert status.cohorts == len(cohorts) == 12 and set(status.failed.values()) == {"it does not run"}
    assert status.cost == pytest.approx(status.total_cost)


def test_an_executor_gets_as_many_short_cohorts_together_as_it_takes(ran):
    executor, again, none = Recorder(32), Recorder(5), Recorder()
    cohorts, _ = ran(executor=executor)
    assert [len(job.cohorts) for job in executor.jobs] == [12]
    assert {each.cohort_id for each in executor.jobs[0].cohorts} == {each.cohort_id for each in cohorts}
    ran(executor=again, retry_failed=True)
    assert [len(job.cohorts) for job in again.jobs] == [5, 5, 2]
    ran(executor=none)
    assert not none.jobs, "what has failed is not tried again unless that is asked for"


def test_isolated_cohorts_run_elsewhere_and_an_error_ends_all(ran):
    executor = Recorder()
    _, status = ran(executor=executor, is_external=lambda each: each.cohort.problem.name == "saddle")
    assert {each.cohort.problem.name for job in executor.jobs for each in job.cohorts} == {"saddle"}
    assert set(status.failed) == {"saddle with gd", "saddle with adam"} and status.cohorts == 12
    broken = Recorder(error=OptbenchError("no process can be started"))
    with pytest.raises(OptbenchError, match="no process"):
        ran(executor=broken, retry_failed=True)
    assert broken.stopped
