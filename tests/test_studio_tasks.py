"""What the painting process is told, and that it can be told to stop in the middle of something."""

import signal
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from impasto.studio.tasks import NUMBER, Cancelled, Tasks


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Tasks]]:
    before = signal.getsignal(NUMBER)
    ours, theirs = Pipe()
    yield ours, Tasks(theirs)
    ours.close()
    time.sleep(0.05)  # its thread has interrupted us for the last time
    signal.signal(NUMBER, before)


def _busy() -> Iterator[int]:
    yield 1
    until = time.monotonic() + 10
    while time.monotonic() < until:
        pass
    yield 2


def test_a_task_is_cancelled_in_the_middle(pipe: tuple[Connection, Tasks]) -> None:
    ours, tasks = pipe
    for message in (("paint", 1), ("cancel",), ("paint", 2)):
        ours.send(message)
    messages = iter(tasks)
    assert next(messages) == ("paint", 1)
    time.sleep(0.1)  # the thread has read all of it
    with pytest.raises(Cancelled), tasks.stoppable():
        pytest.fail("it was cancelled before")
    assert next(messages) == ("paint", 2)
    states = tasks.each(_busy())
    assert next(states) == 1
    ours.send(("cancel",))
    with pytest.raises(Cancelled):
        next(states)


def test_a_cancel_that_comes_too_late_is_about_nothing(pipe: tuple[Connection, Tasks]) -> None:
    ours, tasks = pipe
    messages = iter(tasks)
    ours.send(("paint", 1))
    next(messages)
    ours.send(("cancel",))
    time.sleep(0.1)
    ours.send(("paint", 2))
    assert next(messages) == ("paint", 2)
    with tasks.stoppable():
        time.sleep(0.01)
    assert not ours.poll()


def test_what_cannot_be_interrupted_is_not_taken_for_deaf(pipe: tuple[Connection, Tasks]) -> None:
    """Where there is a picture to keep, it is told at once that it will be."""
    ours, tasks = pipe
    messages = iter(tasks)
    ours.send(("paint", 1))
    next(messages)
    tasks.keep(something=True)
    ours.send(("cancel",))
    assert ours.poll(5)
    assert ours.recv() == ("saving",)
    tasks.keep(something=False)
    ours.send(("cancel",))
    assert not ours.poll(0.2)


def test_it_ends_with_the_pipe(pipe: tuple[Connection, Tasks]) -> None:
    ours, tasks = pipe
    ours.send(("paint", 1))
    ours.close()
    seen = []
    for message in tasks:
        seen.append(message)
        time.sleep(0.1)
        with pytest.raises(Cancelled), tasks.stoppable():
            pytest.fail("nobody is there any more")
    assert seen == [("paint", 1)]
    with pytest.raises(BrokenPipeError):
        tasks.tell("painted", {})
