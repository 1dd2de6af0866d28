# SPDX-License-Identifier: GPL-3.0-or-later
import contextlib

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import Login
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_recovery_proof as module

COPY = Login(host="copy.example", user="ehrbase_admin")
PARAMS = {
    "horizon": 900,
    "level": "counts",
    "schemas": ["ehr"],
    "decided_at": "2026-12-05T03:00:00+00:00",
    "newest_at_decision": "2026-12-05T02:59:59.500000+00:00",
    "complete_until": None,
    "wait": False,
    "wait_timeout": 5,
    "poll_seconds": 0,
}


def test_rto_ends_with_the_first_answer_and_rpo_is_what_the_copy_lacks():
    judgement = {"answered_at": "2026-12-05T03:14:00.250+00:00", "newest": "2026-12-05T02:59:57.500000Z"}
    assert module.measure(judgement, PARAMS) == {"rto_s": 840.25, "rpo_s": 2.0}


def test_a_whole_copy_is_not_behind_by_the_quiet_time_before_the_last_write():
    judgement = {"answered_at": "2026-12-05T03:14:00+00:00", "newest": "2026-12-05T02:00:00Z"}
    assert module.measure(judgement, PARAMS | {"complete_until": "2026-12-05T02:59:59+00:00"})["rpo_s"] == 0.5


def test_a_source_without_a_write_has_nothing_to_lose():
    judgement = {"answered_at": "2026-12-05T03:14:00+00:00", "newest": None}
    assert module.measure(judgement, PARAMS | {"newest_at_decision": ""})["rpo_s"] == 0.0
    assert module.measure(judgement, PARAMS)["rpo_s"] is None


def test_a_copy_that_does_not_answer_is_unknown_and_never_whole(monkeypatch):
    def refuse(_login):
        raise MultiregionError("Failed to connect to ehrbase_admin@copy.example: no route")

    monkeypatch.setattr(module, "connect", refuse)
    judgement = module.compare({"source": COPY, "copy": COPY}, PARAMS)
    assert judgement["verdict"] == "unknown" and "no route" in judgement["problems"][0]
    assert module.measure(judgement, PARAMS) == {"rto_s": None, "rpo_s": None}


def test_a_copy_whose_name_comes_late_is_asked_again(monkeypatch):
    answers = [MultiregionError("no such name"), contextlib.nullcontext("connection")]

    def connect(_login):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "connect", connect)
    with module.connect_to_copy(COPY, PARAMS | {"wait": True}) as connection:
        assert connection == "connection"


def test_without_waiting_it_is_asked_once(monkeypatch):
    monkeypatch.setattr(module, "try_connect", lambda _login: MultiregionError("no such name"))
    with pytest.raises(WaitTimeout, match=r"the copy at copy\.example to answer; last state: no such name"):
        module.connect_to_copy(COPY, PARAMS)
