"""Jobs of the studio, before a painting process that is played: queue, stop, crash, deadline, sweep."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studioplay import Played, wait_for

from impasto.studio import jobs as module
from impasto.studio.job import Job
from impasto.studio.jobs import Jobs, QueueFullError
from impasto.studio.orders import Order


def _order(size: int = 64) -> Order:
    return Order("photo", ("whirl",), None, {"size": size})


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs", Played)
    yield made
    made.close()


def test_a_job_is_painted(jobs: Jobs) -> None:
    job = wait_for(jobs.add(_order()), "done")
    assert job.picture is not None
    assert job.facts["fraction"] == 1
    assert job.previews >= 1
    assert job.preview == b"\xff\xd8 preview"
    assert jobs.get(job.id) is job
    with pytest.raises(KeyError):
        jobs.get("another")


def test_one_at_a_time_and_in_order(jobs: Jobs) -> None:
    seen: list[tuple[str, str]] = []
    jobs.watch(lambda job: seen.append((job.id, job.state)))
    made = [jobs.add(_order()) for _ in range(4)]
    assert [jobs.place(job) for job in made[1:]] in ([1, 2, 3], [2, 3, 4])
    for job in made:
        wait_for(job, "done")
    started = [
        name
        for number, (name, state) in enumerate(seen)
        if state == "painting" and (name, state) not in seen[:number]
    ]
    assert started == [job.id for job in made]


def test_the_queue_is_bounded(jobs: Jobs) -> None:
    running = jobs.add(_order(Played.ENDLESS))
    wait_for(running, "painting")
    waiting = [jobs.add(_order()) for _ in range(module.WAITING)]
    with pytest.raises(QueueFullError):
        jobs.add(_order())
    jobs.stop(waiting[3])
    assert waiting[3].state == "stopped"
    jobs.add(_order())
    jobs.stop(running)
    wait_for(running, "stopped")


def test_a_job_that_is_stopped_keeps_what_it_has(jobs: Jobs) -> None:
    job = jobs.add(_order(Played.ENDLESS))
    wait_for(job, "painting")
    while not job.previews:
        time.sleep(0.01)
    begun = time.monotonic()
    jobs.stop(job)
    wait_for(job, "stopped")
    assert time.monotonic() - begun < 1
    assert job.picture is not None


def test_a_process_that_does_not_listen_is_ended_within_two_seconds(jobs: Jobs) -> None:
    job = jobs.add(_order(Played.HANGS))
    wait_for(job, "painting")
    begun = time.monotonic()
    jobs.stop(job)
    wait_for(job, "stopped")
    assert time.monotonic() - begun < 2
    wait_for(jobs.add(_order()), "done")


def test_a_crash_ends_the_job_and_not_the_studio(jobs: Jobs) -> None:
    job, after = jobs.add(_order(Played.CRASHES)), jobs.add(_order())
    assert wait_for(job, "failed").error == module.CRASHED
    assert job.picture is None
    wait_for(after, "done")


def test_what_is_wrong_is_told(jobs: Jobs) -> None:
    assert wait_for(jobs.add(_order(Played.FAILS)), "failed").error == "size: it is an unlucky number"


def test_a_job_has_a_deadline(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    assert wait_for(jobs.add(_order(Played.HANGS)), "failed").error == module.LATE
    monkeypatch.undo()
    wait_for(jobs.add(_order()), "done")


def test_what_ended_is_swept_after_a_day(jobs: Jobs) -> None:
    job = wait_for(jobs.add(_order()), "done")
    jobs.sweep(time.time() + module.AGE - 60)
    assert job.folder.is_dir()
    jobs.sweep(time.time() + module.AGE + 60)
    assert not job.folder.exists()
    with pytest.raises(KeyError):
        jobs.get(job.id)


def test_only_so_many_are_kept(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [wait_for(jobs.add(_order()), "done") for _ in range(3)]
    monkeypatch.setattr(module, "KEPT", 2)
    jobs.sweep()
    assert [job.folder.is_dir() for job in made] == [False, True, True]


def test_a_stop_that_comes_too_late_takes_nothing_away(jobs: Jobs) -> None:
    job = wait_for(jobs.add(_order()), "done")
    jobs.stop(job)
    assert job.state == "done"
    assert job.picture is not None


def test_estimates_are_told_when_nothing_is_painted(jobs: Jobs) -> None:
    answers: list[Any] = []
    jobs.estimate(_order(), answers.append)
    until = time.monotonic() + 10
    while not answers and time.monotonic() < until:
        time.sleep(0.01)
    assert answers[0]["seconds"] == 12
    job: Job = jobs.add(_order(Played.ENDLESS))
    jobs.estimate(_order(), answers.append)
    assert answers[1] == "told when nothing else is being painted"
    jobs.stop(wait_for(job, "painting"))


@pytest.mark.parametrize("size", [Played.ENDLESS, Played.HANGS])
def test_an_estimate_gives_way_to_a_job(jobs: Jobs, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one times the machine: a picture is not held up by that, even where nobody listens."""
    monkeypatch.setattr(module, "SAVING", 1.0)
    answers: list[Any] = []
    jobs.estimate(_order(size), answers.append)
    time.sleep(0.2)
    begun = time.monotonic()
    wait_for(jobs.add(_order()), "done")
    assert time.monotonic() - begun < 3
    assert answers == [module.BUSY]


def test_closing_leaves_nothing(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs", Played)
    wait_for(jobs.add(_order()), "done")
    jobs.add(_order(Played.ENDLESS))
    jobs.close()
    assert not (tmp_path / "jobs").exists()


def test_ids_are_random(jobs: Jobs) -> None:
    names = {jobs.add(_order()).id for _ in range(8)}
    assert len(names) == 8
    assert min(map(len, names)) >= 22  # 128 bits in base 64


def test_a_process_that_cannot_be_started(tmp_path: Path) -> None:
    """Is said, and tried again for the next job."""
    failures = [OSError("Cannot allocate memory")] * 2

    def start() -> Played:
        if failures:
            raise failures.pop()
        return Played()

    jobs = Jobs(tmp_path / "jobs", start)
    job = jobs.add(_order())
    assert "cannot be started: Cannot allocate memory" in str(wait_for(job, "failed").error)
    while failures:
        time.sleep(0.05)
    wait_for(jobs.add(_order()), "done")
    jobs.close()
