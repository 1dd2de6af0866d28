# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers are kept warm by version, are few, and go when nobody uses them."""

import pytest

from rehearsal.cloud.functions.model import Outcome, Request, Version, failure
from rehearsal.cloud.functions.pool import Pool, Throttled


class Worker:
    problem = None
    made = []

    def __init__(self, processes, version, name):
        self.version, self.name, self.alive, self.idle_since = version, name, False, 0.0
        Worker.made.append(self)

    def start(self):
        self.alive = Worker.problem is None
        return Worker.problem

    def invoke(self, request):
        return request.event(self) if callable(request.event) else Outcome(b"1")

    def end(self):
        self.alive = False


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(Worker, "made", [])
    monkeypatch.setattr(Worker, "problem", None)
    return Pool(None, Worker, workers_max=2)


def version(name, code="a"):
    return Version("arn", "eu-west-1", name, "$LATEST", "main.handle", "python3.13", 3, 128, (), code, b"")


def test_a_version_keeps_its_worker(pool):
    for _ in range(3):
        pool.run(version("one"), Request({}))
    assert len(Worker.made) == 1


def test_other_code_is_another_worker(pool):
    pool.run(version("one"), Request({}))
    pool.run(version("one", code="b"), Request({}))
    assert len(Worker.made) == 2


def test_the_worker_that_was_idle_longest_makes_room(pool):
    for name in ("one", "two", "three"):
        pool.run(version(name), Request({}))
    assert [(one.version.name, one.alive) for one in Worker.made] == [("one", False), ("two", True), ("three", True)]


def test_an_invocation_is_throttled_when_every_worker_is_busy(pool):
    def nested(worker):
        return pool.run(version("two"), Request(lambda _: pool.run(version("three"), Request({}), wait_s=0)))

    with pytest.raises(Throttled):
        pool.run(version("one"), Request(nested))


def test_a_dead_worker_is_replaced(pool):
    pool.run(version("one"), Request({}))
    Worker.made[0].alive = False
    assert pool.run(version("one"), Request({})).payload == b"1"
    assert len(Worker.made) == 2


def test_a_function_that_cannot_be_loaded_answers_why_and_leaves_no_worker(pool, monkeypatch):
    monkeypatch.setattr(Worker, "problem", failure("Runtime.ImportModuleError", "no module"))
    assert pool.run(version("one"), Request({})).value()["errorType"] == "Runtime.ImportModuleError"
    assert pool._busy == 0 and not pool._idle


def test_idle_workers_are_ended(pool):
    pool.run(version("one"), Request({}))
    pool.end_idle(before=float("inf"))
    assert [one.alive for one in Worker.made] == [False]
