# SPDX-License-Identifier: GPL-3.0-or-later
"""A visit and a question as their client lives through them; the answers come from a list."""

import asyncio
import json

import pytest

from rehearsal.traffic import visitors as module
from rehearsal.traffic.history import History
from rehearsal.traffic.visitors import Visitors

MEETING = {"MeetingId": "m-1", "MeetingArn": "arn:aws:chime:af-south-1:1:meeting/m-1", "MediaRegion": "eu-west-1"}
OPENED = (201, {"meeting": MEETING, "attendee": {"JoinToken": "secret"}})


class Told(Visitors):
    """Clients whose requests are answered from a list."""

    def script(self, *answers):
        self.answers, self.sent = list(answers), []
        return self

    async def _send(self, method, path, body=None):
        self.sent.append((method, path, body))
        return self.answers.pop(0)


@pytest.fixture
def live(tmp_path, monkeypatch):
    """Run one operation; returns the requests and the events."""
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    monkeypatch.setattr(module, "VISIT_S", (0.0, 0.0))

    def run(operation, *answers, patience_s=60.0):
        async def go():
            clients = Told(None, "https://x", History(tmp_path), asyncio.Event(), patience_s=patience_s)
            await getattr(clients.script(*answers), operation)()
            clients.history.close()
            return clients.sent

        sent = asyncio.run(go())
        events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        return sent, events

    return run


def kinds(events):
    return [event["kind"] for event in events]


def test_a_visit_begins_and_ends(live):
    sent, events = live("visit", OPENED, (200, {"ended": "m-1"}))
    assert [(method, path) for method, path, _body in sent] == [("POST", "/meetings"), ("DELETE", "/meetings/m-1")]
    assert kinds(events) == ["visit_asked", "visit_started", "visit_ended"]
    assert (events[1]["control_region"], events[1]["media_region"]) == ("af-south-1", "eu-west-1")


def test_the_join_token_is_not_on_record(live):
    _sent, events = live("visit", OPENED, (200, {"ended": "m-1"}))
    assert "secret" not in json.dumps(events)


def test_a_refused_visit_is_asked_for_again_by_the_same_appointment(live):
    sent, events = live("visit", (0, {}), (503, {}), OPENED, (200, {"ended": "m-1"}))
    assert len({body["appointmentId"] for _method, path, body in sent if path == "/meetings"}) == 1
    assert kinds(events).count("visit_refused") == 2 and "visit_failed" not in kinds(events)


def test_a_visit_that_nobody_opens_is_given_up(live):
    _sent, events = live("visit", (0, {}), patience_s=-1)
    assert kinds(events) == ["visit_asked", "visit_refused", "visit_failed"]


def test_a_meeting_that_another_region_does_not_know_has_ended_there(live):
    _sent, events = live("visit", OPENED, (404, {"error": "NotFoundException"}))
    assert events[-1]["kind"] == "visit_ended" and events[-1]["known"] is False


def test_a_question_is_answered_by_a_region(live):
    sent, events = live("ask", (503, {}), (200, {"answer": "At eight.", "region": "af-south-1", "model": "m"}))
    assert kinds(events) == ["question_asked", "question_refused", "question_answered"]
    assert events[-1]["asked_by"] == "af-south-1" and "At eight" not in json.dumps(events)
    assert {path for _method, path, _body in sent} == {"/ai/chat"}
