"""Which sample goes next, and the log of a worker."""

from pathlib import Path

import pytest

from unisafebench.models.base import ModelError
from unisafebench.models.exec.jobs import Job, Queue
from unisafebench.models.exec.log import WorkerLog
from unisafebench.models.exec.protocol import SampleMessage


def job(name: str) -> Job:
    """Return a sample that can be told from others by its prompt."""
    message = SampleMessage(
        id="", task="vqa", prompt=name, images=(), seed=0, epoch=0, output_dir=""
    )
    return Job(message, Path("nowhere"))


def name_of(found: tuple[Job, bool] | None) -> tuple[str, bool] | None:
    """Return which sample was taken, and whether alone."""
    return found and (found[0].message.prompt, found[1])


async def test_samples_go_in_order_up_to_the_limit() -> None:
    """A worker gets what it takes, in the order of asking."""
    queue = Queue()
    for name in "abc":
        queue.add(job(name))
    assert name_of(queue.next(load=0, limit=2, doubted=False)) == ("a", False)
    assert name_of(queue.next(load=1, limit=2, doubted=False)) == ("b", False)
    assert queue.next(load=2, limit=2, doubted=False) is None
    assert name_of(queue.next(load=1, limit=2, doubted=False)) == ("c", False)
    assert not queue.filled.is_set()


async def test_after_a_death_sound_samples_go_first_and_one_at_a_time() -> None:
    """Until an answer comes, one sample that was in no death; then a suspect, alone."""
    queue = Queue()
    queue.put_back(job("suspect"), suspect=True)
    queue.add(job("fresh 1"))
    queue.add(job("fresh 2"))
    assert name_of(queue.next(load=0, limit=4, doubted=True)) == ("fresh 1", False)
    assert queue.next(load=1, limit=4, doubted=True) is None
    # An answer came: the suspect's turn, as soon as a worker has nothing else.
    assert queue.next(load=1, limit=4, doubted=False) is None
    assert name_of(queue.next(load=0, limit=4, doubted=False)) == ("suspect", True)
    assert name_of(queue.next(load=0, limit=4, doubted=False)) == ("fresh 2", False)


async def test_with_nothing_else_a_suspect_goes_even_in_doubt() -> None:
    """The last sample of a run is not kept waiting for others."""
    queue = Queue()
    queue.put_back(job("suspect"), suspect=True)
    assert name_of(queue.next(load=0, limit=4, doubted=True)) == ("suspect", True)


async def test_a_sample_without_blame_goes_first_again() -> None:
    """It lost its place through another's fault."""
    queue = Queue()
    queue.add(job("later"))
    queue.put_back(job("innocent"), suspect=False)
    assert name_of(queue.next(load=0, limit=1, doubted=False)) == ("innocent", False)


async def test_what_waits_can_be_dropped_or_failed() -> None:
    """No one waits for a dropped sample; all others hear why they end."""
    queue = Queue()
    dropped, first, second = job("a"), job("b"), job("c")
    for each in (dropped, first):
        queue.add(each)
    queue.put_back(second, suspect=True)
    queue.drop(dropped)
    queue.fail(ModelError, "it is over")
    for each in (first, second):
        with pytest.raises(ModelError, match="it is over"):
            await each.result
    assert dropped.open
    assert not queue.filled.is_set()


def test_log_shows_the_end_of_what_was_written(tmp_path: Path) -> None:
    """Of a progress bar only its last state, nothing unprintable, and of one process only."""
    log = WorkerLog(tmp_path / "worker-0.log")
    assert log.explain("It died.") == "It died. It wrote nothing to stderr."
    log.write(b"of an earlier process\n")
    log.begin()
    log.write(b"1%\r50%\r99%\nCUDA out of \x1bmemory\n\xff\n")
    log.note("process 7 ended")
    assert log.tail == "99%\nCUDA out of ?memory\n\N{REPLACEMENT CHARACTER}"
    assert log.explain("It died.") == (f"It died. Its log is {log.path}; it ends with:\n{log.tail}")
    assert log.path.read_bytes() == (
        b"of an earlier process\n1%\r50%\r99%\nCUDA out of \x1bmemory\n\xff\n"
        b"[unisafebench] process 7 ended\n"
    )


def test_log_moves_with_what_it_holds(tmp_path: Path) -> None:
    """A run that goes on appends to the log that it has; an unusable place changes nothing."""
    log = WorkerLog(tmp_path / "old.log")
    log.write(b"second\n")
    new = tmp_path / "run" / "logs" / "worker-0.log"
    new.parent.mkdir(parents=True)
    new.write_bytes(b"first\n")
    log.move(new)
    log.write(b"third\n")
    assert new.read_bytes() == b"first\nsecond\nthird\n"
    assert not (tmp_path / "old.log").exists()
    log.move(new / "below a file" / "worker-0.log")
    log.write(b"fourth\n")
    assert new.read_bytes().endswith(b"fourth\n")
