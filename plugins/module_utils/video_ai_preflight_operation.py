# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of what a plan runs and keeps: functions, audit rows, and the way back. The day is passed in."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_items import find_retention_fault
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lambda_runtimes import check_runtime
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import OK, REFUSE, UNKNOWN, WARN, Unknown
from ansible_collections.medzen.multiregion.plugins.module_utils.video_ai_preflight import PlanCheck, joined, unreadable

# Libraries of AWS whose support has an end, by the name that a plan gives them; none is in a runtime after that.
# https://aws.amazon.com/blogs/developer/announcing-end-of-support-for-aws-sdk-for-javascript-v2/
LIBRARY_ENDS = {"aws-sdk-js-v2": "2025-09-08"}


@dataclass(frozen=True)
class Rollback:
    """A way back to a region: what has to be there, and what the plan itself deletes before."""

    region: str
    method: str = "dns"
    functions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def check_function(name: str, runtime: str, today: datetime.date, ends: Mapping[str, str]) -> PlanCheck:
    title = f"runtime of {name}"
    try:
        ending = check_runtime(runtime, today, dict(ends))
    except Refused as refused:
        told = f"{runtime}: {refused.found}"
        return PlanCheck(title, "", REFUSE, told, str(refused.expected), str(refused.next_step), "runtime_unsupported")
    if ending:
        return PlanCheck(title, "", WARN, ending, "", "build the package for a newer runtime", "runtime_ends_soon")
    return PlanCheck(title, "", OK, runtime, "")


def check_library(name: str, library: str, today: datetime.date) -> list[PlanCheck]:
    """A library of the function whose support has ended; nothing for others."""
    end = LIBRARY_ENDS.get(library)
    if end is None or today < datetime.date.fromisoformat(end):
        return []
    step = "rewrite the calls for the next major version: renaming the client is not enough"
    told = f"{library}, without support since {end}"
    return [PlanCheck(f"library of {name}", "", REFUSE, told, "a library with support", step, "library_unsupported")]


def check_audit_years(planned: int, required: int) -> PlanCheck:
    name, expected = "audit retention", f"{required} years or more"
    if planned >= required:
        return PlanCheck(name, "", OK, f"{planned} years", expected)
    step = "keep the rows as long as the law asks for"
    return PlanCheck(name, "", REFUSE, f"{planned} years", expected, step, "retention_years_short")


def check_audit_ttl(created: str, ttl: float, years: int) -> PlanCheck:
    """An example of a row against the years in the calendar; a year of 365 days loses one in four."""
    name, expected = "audit ttl", f"{years} calendar years after {created}"
    rule = {"attribute": "ttl", "since_attribute": "created", "years": years}
    fault = find_retention_fault({"created": created}, rule, ttl)
    if fault is None:
        return PlanCheck(name, "", OK, str(ttl), expected)
    step = "add the years in the calendar: 365 days a year are too few by every leap day"
    return PlanCheck(name, "", REFUSE, fault, expected, step, "ttl_short")


def check_rollback(
    rollback: Rollback, functions: Iterable[str] | Unknown, tables: Iterable[str] | Unknown
) -> PlanCheck:
    """Whether what a way back needs is there, and stays until it is not needed any more."""
    name, region = f"rollback by {rollback.method}", rollback.region
    wanted = {*rollback.functions, *rollback.tables}
    expected = f"{joined(wanted)} in {region}"
    step = (
        "keep the stack until nobody would go back, or plan to build it anew there first: a record that leads to "
        "deleted functions and lost rows is no way back"
    )
    if rollback.deleted:
        told = f"the plan deletes {joined(rollback.deleted)} there"
        return PlanCheck(name, region, REFUSE, told, expected, step, "way_back_without_stack")
    if not wanted:
        step = "name the functions and tables that have to be there"
        return PlanCheck(name, region, UNKNOWN, "nothing is named", expected, step, "way_back_unproven")
    for fact in (functions, tables):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    if missing := wanted - {*functions, *tables}:
        told = f"{joined(missing)} not there"
        return PlanCheck(name, region, REFUSE, told, expected, step, "way_back_without_stack")
    return PlanCheck(name, region, OK, "there", expected)
