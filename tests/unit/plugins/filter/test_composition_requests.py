# SPDX-License-Identifier: GPL-3.0-or-later
import json

from ansible_collections.medzen.multiregion.plugins.filter.composition_requests import composition_requests

API, EHR_ID = "/ehrbase/rest/openehr/v1", "0b2d1c0e-0000-4000-8000-000000000000"
FIRST, SECOND, THIRD = composition_requests(API, EHR_ID, {"name": "smoke test", "run": "one"})


def test_the_ehr_is_made_or_is_there_already():
    assert (FIRST["method"], FIRST["path"]) == ("PUT", f"{API}/ehr/{EHR_ID}")
    assert {201, 409} <= {*FIRST["expect_status"]}


def test_the_composition_is_a_new_one_and_says_who_wrote_it():
    assert (SECOND["method"], SECOND["path"]) == ("POST", f"{API}/ehr/{EHR_ID}/composition")
    assert json.loads(SECOND["body"]) == {"name": "smoke test", "run": "one"}
    assert 200 not in SECOND["expect_status"] and 409 not in SECOND["expect_status"]


def test_just_the_version_that_was_written_is_read():
    """The probe reads, and takes nothing but 200, unless it is told otherwise."""
    assert THIRD["path"] == f"{API}/ehr/{EHR_ID}/composition/{{{SECOND['name']}.id}}"
    assert not {"method", "expect_status"} & {*THIRD}
