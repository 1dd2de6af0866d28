# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task that could not prove its fence leaves behind, and what it says of it."""

from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.fence import FenceState
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import Login
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_fence as module

PARAMS = {
    "login": {},
    "application_login": {"user": "ehrbase_restricted", "password": "wrong"},
    "state": "fenced",
    "roles": [],
    "reason": "move",
    "lock_timeout": 2.0,
    "terminate": True,
    "keep_unproved": False,
}


class Database:
    """A database that takes a fence, and a way to it on which any step can fail."""

    def __init__(self, monkeypatch):
        self.fence_id, self.log, self.faults, self.in_recovery = None, [], {}, False
        monkeypatch.setattr(module, "SourceDatabase", lambda login, request: Source(self, request))
        monkeypatch.setattr(module, "Side", lambda login: Application(self))
        monkeypatch.setattr(module, "build_login", lambda _module, _options, like: Login("db", "ehrbase_restricted"))
        monkeypatch.setattr(module, "fetch_value", lambda _connection, _query: 1)
        monkeypatch.setattr(module, "read", lambda _connection: (self.state(), self.state().as_result()))
        monkeypatch.setattr(module.fence, "read_state", self.read_state)
        monkeypatch.setattr(module.fence, "lift_fence", self.lift)

    def step(self, name):
        self.log.append(name)
        if self.faults.get(name, 0):
            self.faults[name] -= 1
            raise MultiregionError(f"Failed to {name}.", {"sqlstate": "X"})

    def state(self):
        if self.fence_id is None:
            return FenceState(in_recovery=self.in_recovery)
        return FenceState(True, self.in_recovery, self.fence_id, "2026-11-21T08:00:00Z", layers=("triggers",))

    def read_state(self, _connection):
        self.step("read")
        return self.state()

    def lift(self, _connection):
        self.step("lift")
        self.fence_id = None

    def run(self, **given):
        task = SimpleNamespace(params={**PARAMS, **given}, check_mode=False)
        return module.ensure_in(task, Login("db", "ehrbase_admin"), None)


class Source:
    def __init__(self, database, request):
        self.database, self.request, self.login, self.application = database, request, None, None
        self.connection = "the owner's session"

    def fence(self):
        self.database.step("fence")
        self.database.fence_id = self.database.fence_id or self.request.fence_id
        return self.database.state().as_result() | {"lsn": "0/1", "changed": True}

    def prove(self):
        self.database.step("prove")
        return {"lsn": "0/2", "proof": "application"}

    def close(self):
        self.database.log.append("close")


class Application:
    def __init__(self, database):
        self.database = database

    @property
    def connection(self):
        self.database.step("log in")
        return "the application's session"


@pytest.fixture
def database(monkeypatch):
    return Database(monkeypatch)


def test_the_application_is_logged_in_before_the_fence_is_raised(database):
    assert database.run()["lsn"] == "0/1"
    assert database.log == ["log in", "fence", "prove", "close"]


def test_who_cannot_log_in_finds_nothing_fenced(database):
    database.faults = {"log in": 1}
    with pytest.raises(MultiregionError, match="Failed to log in") as failure:
        database.run()
    assert "fence" not in database.log and "FENCED" not in failure.value.message
    assert failure.value.result == {"sqlstate": "X", "fenced": False}


@pytest.mark.parametrize("step", ["prove", "fence"])
def test_a_fence_of_this_very_task_is_lifted_when_it_cannot_be_proved(database, step):
    database.faults = {step: 1}
    database.fence_id = None
    with pytest.raises(MultiregionError, match=f"Failed to {step}") as failure:
        database.run()
    assert database.fence_id is None and failure.value.result["fenced"] is False
    assert ("It went back: the fence was lifted" in failure.value.message) == (step == "prove")


@pytest.mark.parametrize("step", ["log in", "fence", "prove"])
def test_a_fence_that_stood_before_is_left_and_named(database, step):
    database.fence_id, database.faults = "an earlier one", {step: 1}
    with pytest.raises(MultiregionError, match=r"THE DATABASE IS FENCED since 2026.*state=unfenced") as failure:
        database.run()
    assert "lift" not in database.log and failure.value.result["fenced"] is True


def test_a_lift_that_fails_is_tried_again_on_a_new_connection(database):
    database.faults = {"prove": 1, "lift": 2}
    with pytest.raises(MultiregionError, match="It went back"):
        database.run()
    assert database.log[-6:] == ["lift", "close", "lift", "close", "lift", "close"]


def test_a_fence_that_cannot_be_lifted_is_named(database):
    database.faults = {"prove": 1, "lift": 9}
    with pytest.raises(MultiregionError, match=r"THE DATABASE IS STILL FENCED.*Failed to lift.*state=unfenced"):
        database.run()


def test_a_database_that_does_not_tell_may_be_fenced(database):
    database.faults = {"prove": 1, "read": 9}
    with pytest.raises(MultiregionError, match=r"THE DATABASE MAY BE FENCED.*state=info") as failure:
        database.run()
    assert failure.value.result["fenced"] is None and "lift" not in database.log


@pytest.mark.parametrize("step", ["log in", "prove"])
def test_a_database_that_must_not_write_in_any_case_is_fenced_first_and_stays_fenced(database, step):
    database.faults = {step: 1}
    with pytest.raises(MultiregionError, match="THE DATABASE IS FENCED"):
        database.run(keep_unproved=True)
    assert database.log[0] == "fence" and "lift" not in database.log


def test_the_refusal_of_a_replica_says_nothing_of_lifting(database, monkeypatch):
    database.in_recovery, database.fence_id = True, "that of its source"
    monkeypatch.setattr(Source, "fence", lambda _self: (_ for _ in ()).throw(Refused("Cannot fence a read replica.")))
    with pytest.raises(MultiregionError) as failure:
        database.run()
    assert failure.value.message == "Cannot fence a read replica."
