"""Who runs which job when: the longest first, and the shortest beside them."""

import threading
from types import SimpleNamespace

import pytest

from optbench.sweeps.crews.threads import ThreadCrew
from optbench.sweeps.waiting import Waiting


def job(name, cost, rank=0):
    return SimpleNamespace(planned=(SimpleNamespace(cohort_id=name, cost=cost, rank=rank),))


def waiting(*jobs):
    made = Waiting(lambda each: each.rank, {each.planned[0].cohort_id: place for place, each in enumerate(jobs)})
    for each in jobs:
        made.add(each)
    return made


def names(take, count):
    return "".join(take().planned[0].cohort_id for _ in range(count))


def test_the_longest_comes_first_and_the_shortest_is_to_be_had():
    jobs = [job("a", 3.0), job("b", 1.0), job("c", 5.0), job("d", 1.0), job("e", 2.0)]
    assert names(waiting(*jobs).longest, 5) == "caebd", "of the same length the first of the plan"
    assert names(waiting(*jobs).shortest, 5) == "dbeac"
    both = waiting(*jobs)
    assert names(both.longest, 2) + names(both.shortest, 2) + names(both.longest, 1) == "cadbe" and not both


def test_what_has_a_rank_comes_before_all_of_the_next():
    assert names(waiting(job("a", 3.0, 1), job("b", 1.0, 0), job("c", 2.0, 0)).longest, 3) == "cba"


@pytest.mark.parametrize("threads", [2, 3])
def test_one_thread_does_the_small_ones_and_all_help_at_the_end(threads):
    """In each round every thread has one job, and they go on together; the first one ends when all are submitted."""
    begun, ended = (threading.Barrier(threads, timeout=60) for _ in range(2))
    submitted, names = threading.Event(), []
    taken, finished = threading.Semaphore(0), threading.Semaphore(0)

    class Round:
        def __init__(self, name):
            self.name = name

        def files(self, told, heard, stop):
            taken.release()
            begun.wait()
            names.append(self.name)
            assert submitted.wait(60)
            ended.wait()
            return ()

    crew = ThreadCrew(threads, threads)

    def submit(to, name, count):
        for _ in range(count):
            to.submit(Round(name), lambda run_steps: None, lambda ended: finished.release())

    submit(crew, "gate", threads)
    assert all(taken.acquire(timeout=60) for _ in range(threads)), "every thread has one"
    submit(crew, "large", 2 * threads - 2)
    submit(crew.small, "small", 2)
    submit(crew.small, "last", threads)
    submitted.set()
    assert all(finished.acquire(timeout=60) for _ in range(4 * threads))
    crew.stop()
    rounds = [sorted(names[at : at + threads]) for at in range(0, len(names), threads)]
    both = [*["large"] * (threads - 1), "small"]
    assert rounds == [["gate"] * threads, both, both, ["last"] * threads]


def test_a_single_thread_has_no_small_ones():
    assert ThreadCrew(1, 1).small is None
