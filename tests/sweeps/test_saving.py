"""What has ended is saved beside what runs, all of it, and never too much of it waits."""

import threading

from optbench.sweeps import saving


def test_all_is_saved_when_it_finishes():
    seen, lock = [], threading.Lock()

    def save(ended):
        with lock:
            seen.append(ended)

    kept = saving.Saving(save)
    for number in range(100):
        kept.put(number)
    kept.finish()
    assert sorted(seen) == list(range(100)) and kept.unsaved == 0
    kept.put(100)
    assert seen[-1] == 100


def test_what_cannot_be_saved_yet_holds_up_whoever_brings_more():
    go, brought = threading.Event(), []
    kept = saving.Saving(lambda ended: go.wait(60))

    def bring():
        for number in range(100):
            kept.put(number)
            brought.append(number)

    bringer = threading.Thread(target=bring)
    bringer.start()
    bringer.join(0.3)
    assert len(brought) == saving._THREADS + saving._WAITING
    go.set()
    bringer.join(60)
    kept.finish()
    assert kept.unsaved == 0


def test_it_is_told_when_no_more_is_on_its_way():
    heard = []
    kept = saving.Saving(lambda ended: None, lambda: heard.append(kept.unsaved))
    for number in range(3):
        kept.put(number)
    kept.finish()
    assert len(heard) == 3 and 0 in heard
