# SPDX-License-Identifier: GPL-3.0-or-later
"""A test patient's EHR is asked for until it is there; the answers come from a list."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from rehearsal.traffic import patients as module
from rehearsal.traffic.history import History
from rehearsal.traffic.patients import RETRY_S, RETRY_S_MAX, Patients, retry_after


class Told:
    """A session whose requests are answered from a list of status codes; 0 is a connection that breaks."""

    def __init__(self, *statuses):
        self.statuses, self.asked = list(statuses), []

    @contextlib.asynccontextmanager
    async def put(self, url):
        self.asked.append(url)
        status = self.statuses.pop(0)
        if status == 0:
            raise ConnectionResetError
        yield SimpleNamespace(status=status, text=self._text)

    async def _text(self):
        return "the database is read only"


@pytest.fixture
def enrol(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.0)

    def run(*statuses, patience_s=60.0):
        session = Told(*statuses)

        async def session_of():
            return session

        history = History(tmp_path)
        name = SimpleNamespace(session=session_of)
        try:
            asyncio.run(Patients([name], "https://ehr.x", history, ["a"], patience_s=patience_s).enrol())
        finally:
            history.close()
        return session.asked

    return run


@pytest.mark.parametrize("status", [201, 204, 409])
def test_an_ehr_that_is_there_is_asked_for_once(enrol, status):
    assert len(enrol(status)) == 1


def test_a_refusal_and_a_broken_connection_are_tried_again(enrol):
    """As a client does whose resolver still names the side that is fenced."""
    assert len(enrol(503, 0, 429, 201)) == 4


def test_a_patient_gives_up_when_the_patience_ends(enrol):
    with pytest.raises(RuntimeError, match="refused for -1 s: 503 the database is read only"):
        enrol(503, patience_s=-1)


def test_what_another_try_cannot_help_ends_at_once(enrol):
    with pytest.raises(RuntimeError, match="refused: 401"):
        enrol(401, 201)


def test_who_is_refused_again_and_again_asks_less_often():
    """A write every 20 ms that waits behind a fence for a minute must not become 3,000 requests a second."""
    waits = [retry_after(tries) for tries in range(300)]
    assert waits[0] == RETRY_S and waits[-1] == RETRY_S_MAX
    assert all(waits[at] > waits[at - 1] or waits[at] == RETRY_S_MAX for at in range(1, 300))


def test_each_wait_of_a_patient_is_longer_than_the_one_before(enrol, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(module, "RETRY_S", 1.0)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    enrol(503, 503, 503, 503, 201)
    # A fifth more or less, so that not all patients come at once.
    assert all(0.8 * want <= got <= 1.2 * want for got, want in zip(waits, [1, 1.5, 2.25, 3.375], strict=True))
