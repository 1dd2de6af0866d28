# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.model_lifecycle import judge_lifecycle, shown

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def judge(status="ACTIVE", within_days=90, **days):
    names = {"legacy": "legacyTime", "extended": "publicExtendedAccessTime", "eol": "endOfLifeTime"}
    dates = {names[name]: NOW + timedelta(days=number) for name, number in days.items()}
    return judge_lifecycle({"status": status, **dates}, NOW, within_days)


def test_a_model_that_lasts_is_ok():
    found = judge(eol=400, legacy=200)
    assert (found.verdict, found.days_left, found.reasons) == ("ok", 400, ())


def test_an_end_that_comes_near_warns():
    assert judge(eol=89.5).reasons == ("end_of_life_near",)
    assert judge(eol=89.5).verdict == "warn"


def test_the_last_day_of_the_window_is_not_near():
    assert judge(eol=90).verdict == "ok"


@pytest.mark.parametrize("days", [0, -1, -300])
def test_a_model_past_its_end_fails(days):
    found = judge(status="LEGACY", eol=days, legacy=-400)
    assert (found.verdict, found.reasons, found.days_left) == ("fail", ("end_of_life",), days)


def test_hours_are_left_on_the_last_day():
    assert (judge(eol=0.5).days_left, judge(eol=0.5).verdict) == (0, "warn")


@pytest.mark.parametrize("lifecycle", [None, {}, {"status": "ACTIVE"}])
def test_no_end_date_is_unknown_not_for_ever(lifecycle):
    found = judge_lifecycle(lifecycle, NOW, 90)
    assert (found.verdict, found.reasons, found.days_left) == ("unknown", ("end_of_life_unknown",), None)


def test_a_legacy_model_warns_by_status_or_by_date():
    assert judge(status="LEGACY", eol=400).reasons == ("legacy",)
    assert judge(legacy=-1, eol=400).reasons == ("legacy",)
    assert judge(legacy=-1, eol=400).verdict == "warn"


def test_a_legacy_model_without_an_end_stays_unknown():
    found = judge(status="LEGACY")
    assert (found.verdict, found.reasons) == ("unknown", ("end_of_life_unknown", "legacy"))


def test_extended_access_is_told():
    assert judge(status="LEGACY", extended=-1, eol=200).reasons == ("legacy", "extended_access")


def test_a_time_without_a_zone_is_utc():
    end = (NOW + timedelta(days=100)).replace(tzinfo=None)
    assert judge_lifecycle({"status": "ACTIVE", "endOfLifeTime": end}, NOW, 90).days_left == 100


def test_it_is_returned_as_plain_values():
    assert shown(judge(eol=10)) == {
        "status": "ACTIVE",
        "legacy": None,
        "extended_access": None,
        "eol": "2026-05-11T12:00:00+00:00",
        "days_left": 10,
        "verdict": "warn",
    }
