# SPDX-License-Identifier: GPL-3.0-or-later
"""A test patient's EHR is asked for until it is there; the answers come from a list."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from rehearsal.traffic import patients as module
from rehearsal.traffic.history import History
from rehearsal.traffic.patients import Patients


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
