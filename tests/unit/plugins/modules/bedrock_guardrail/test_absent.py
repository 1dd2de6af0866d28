# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused


def test_a_guardrail_goes_and_a_second_run_writes_nothing(ensure, bedrock):
    bedrock.made()
    gone, again = ensure(state="absent"), ensure(state="absent")
    assert gone["changed"] and gone["diff"]["before"]["name"] == "g" and gone["diff"]["after"] == {}
    assert not again["changed"] and bedrock.writes == ["delete_guardrail"]


def test_check_mode_deletes_nothing(ensure, bedrock):
    bedrock.made()
    assert ensure(check_mode=True, state="absent")["changed"]
    assert bedrock.writes == []


def test_numbered_versions_need_force(ensure, bedrock):
    bedrock.published(bedrock.made())
    with pytest.raises(Refused, match="numbered versions.*versions 1.*force: true"):
        ensure(state="absent")
    assert bedrock.writes == []
    assert ensure(state="absent", force=True)["changed"] and bedrock.drafts == {}


def test_a_pinned_version_holds_the_guardrail_whatever_force_says(ensure, bedrock):
    bedrock.published(bedrock.made())
    with pytest.raises(Refused, match="pinned"):
        ensure(state="absent", force=True, pinned_versions=[1])
    assert bedrock.writes == []


def test_an_id_that_is_not_there_is_absent(ensure):
    assert not ensure(state="absent", guardrail_id="nothere")["changed"]


def test_a_guardrail_that_is_being_deleted_is_waited_for_and_no_change(ensure, bedrock, monkeypatch):
    bedrock.made()
    bedrock.statuses = [{"status": "DELETING"}, {"status": "DELETING"}]
    get = bedrock.get_guardrail

    def vanish(**request):
        if not bedrock.statuses:
            bedrock.drafts.clear()
        return get(**request)

    monkeypatch.setattr(bedrock, "get_guardrail", vanish)
    assert not ensure(state="absent")["changed"]
    assert bedrock.writes == []


def test_a_refusal_of_the_service_is_no_absence(ensure, bedrock, monkeypatch, refuse):
    def deny(**_request):
        raise refuse("AccessDeniedException", "GetGuardrail", 403)

    bedrock.made()
    monkeypatch.setattr(bedrock, "get_guardrail", deny)
    with pytest.raises(AwsError, match="AccessDeniedException"):
        ensure(state="absent")
    assert bedrock.writes == []
