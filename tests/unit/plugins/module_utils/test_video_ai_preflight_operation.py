# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan gets told of its functions, its audit rows and its way back."""

import datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_operation as preflight
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Unknown

SOUTH, TODAY = "af-south-1", datetime.date(2026, 6, 30)
CREATED, DAYS_2555 = "2025-11-22T00:23:03Z", 1984522983
SEVEN_YEARS = int(datetime.datetime(2032, 11, 22, 0, 23, 3, tzinfo=datetime.UTC).timestamp())
LOST = Unknown("AccessDenied")


def told(check):
    return check.verdict, check.reason


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("python3.13", ("ok", "")),
        ("python3.10", ("warn", "runtime_ends_soon")),
        ("nodejs18.x", ("refuse", "runtime_unsupported")),
        ("cobol85", ("refuse", "runtime_unsupported")),
    ],
)
def test_a_runtime_takes_new_functions(runtime, expected):
    assert told(preflight.check_function("manager", runtime, TODAY, {})) == expected


def test_a_day_that_aws_moved_counts():
    assert told(preflight.check_function("manager", "nodejs18.x", TODAY, {"nodejs18.x": "2027-06-30"})) == ("ok", "")


@pytest.mark.parametrize(
    ("library", "today", "reasons"),
    [
        ("", TODAY, []),
        ("aws-sdk-js-v3", TODAY, []),
        ("aws-sdk-js-v2", TODAY, ["library_unsupported"]),
        ("aws-sdk-js-v2", datetime.date(2025, 9, 7), []),
    ],
)
def test_a_library_has_support(library, today, reasons):
    assert [check.reason for check in preflight.check_library("manager", library, today)] == reasons


@pytest.mark.parametrize(("years", "expected"), [(7, ("ok", "")), (6, ("refuse", "retention_years_short"))])
def test_audit_rows_are_kept_long_enough(years, expected):
    assert told(preflight.check_audit_years(years, 7)) == expected


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (SEVEN_YEARS, ("ok", "")),
        (SEVEN_YEARS - 1, ("refuse", "ttl_short")),
        (DAYS_2555, ("refuse", "ttl_short")),
    ],
)
def test_years_are_years_of_the_calendar(ttl, expected):
    assert told(preflight.check_audit_ttl(CREATED, ttl, 7)) == expected


def test_an_expiry_says_how_many_days_are_missing():
    assert "2.0 days short of 7 calendar years" in preflight.check_audit_ttl(CREATED, DAYS_2555, 7).found


def test_a_row_without_a_time_is_refused():
    assert told(preflight.check_audit_ttl("CREATED#soon", SEVEN_YEARS, 7)) == ("refuse", "ttl_short")


# ---- rollback ----


def rollback(**more):
    return preflight.Rollback(SOUTH, functions=("manager",), tables=("audit",), **more)


@pytest.mark.parametrize(
    ("functions", "tables", "expected"),
    [
        (["manager", "other"], ["audit"], ("ok", "")),
        ([], ["audit"], ("refuse", "way_back_without_stack")),
        (["manager"], [], ("refuse", "way_back_without_stack")),
        (LOST, ["audit"], ("unknown", "unreadable")),
        (["manager"], LOST, ("unknown", "unreadable")),
    ],
)
def test_a_way_back_has_its_stack(functions, tables, expected):
    assert told(preflight.check_rollback(rollback(), functions, tables)) == expected


def test_a_way_back_to_what_the_plan_deletes_is_none():
    check = preflight.check_rollback(rollback(deleted=("medzen-chime-sdk-af-south-1",)), ["manager"], ["audit"])
    assert told(check) == ("refuse", "way_back_without_stack")
    assert check.found == "the plan deletes medzen-chime-sdk-af-south-1 there"


def test_a_way_back_that_names_nothing_proves_nothing():
    check = preflight.check_rollback(preflight.Rollback(SOUTH), [], [])
    assert told(check) == ("unknown", "way_back_unproven")
