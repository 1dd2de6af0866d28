# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError


def test_a_first_version_is_published_with_its_description(ensure, bedrock, full):
    result = ensure(**full, publish_version="on_change", version_description="first")
    assert result["published_version"] == result["version"] == "1"
    assert bedrock.versions["g1"]["1"]["description"] == "first"


def test_nothing_is_published_where_the_newest_version_does_the_same(ensure, bedrock):
    bedrock.published(bedrock.made(description="x"))
    result = ensure(description="another description", publish_version="on_change")
    assert result["changed"] and "published_version" not in result and not result["publishes"]
    assert bedrock.writes == ["update_guardrail"]


def test_a_change_is_published(ensure, bedrock):
    bedrock.published(bedrock.made())
    assert ensure(blocked_input_messaging="other", publish_version="on_change")["published_version"] == "2"


def test_a_run_makes_up_for_one_that_ended_between_update_and_publication(ensure, bedrock):
    made = bedrock.made()
    bedrock.published(made)
    bedrock.drafts[made]["blockedInputMessaging"] = "other"
    result = ensure(blocked_input_messaging="other", publish_version="on_change")
    assert result["changed"] and result["published_version"] == "2"
    assert bedrock.writes == ["create_guardrail_version"]
    assert not ensure(blocked_input_messaging="other", publish_version="on_change")["changed"]


def test_a_version_that_failed_is_no_version(ensure, bedrock):
    bedrock.published(bedrock.made())
    bedrock.statuses = [{"status": "READY"}, {"status": "FAILED"}]
    assert ensure(publish_version="on_change")["published_version"] == "2"


def test_always_publishes_in_every_run(ensure, bedrock):
    bedrock.made()
    assert [ensure(publish_version="always")["version"] for _ in range(2)] == ["1", "2"]


def test_never_leaves_the_draft_ahead(ensure, bedrock):
    bedrock.published(bedrock.made())
    ensure(blocked_input_messaging="other")
    assert list(bedrock.versions["g1"]) == ["1"]


def test_check_mode_publishes_nothing_and_says_that_it_would(ensure, bedrock):
    bedrock.published(bedrock.made())
    result = ensure(check_mode=True, blocked_input_messaging="other", publish_version="on_change", keep_versions=1)
    assert result["changed"] and bedrock.writes == [] and "published_version" not in result and result["publishes"]
    assert result["diff"]["before"]["versions"] == ["1"] and result["diff"]["after"]["versions"] == ["new"]
    assert result["deleted_versions"] == ["1"]


def test_versions_beyond_those_to_keep_go_but_never_a_pinned_one(ensure, bedrock):
    made = bedrock.made()
    for _ in range(5):
        bedrock.published(made)
    result = ensure(keep_versions=2, pinned_versions=[2])
    assert result["deleted_versions"] == ["1", "3"] and result["version"] == "5"
    assert list(bedrock.versions[made]) == ["2", "4", "5"]
    assert not ensure(keep_versions=2, pinned_versions=[2])["changed"]


def test_the_new_version_counts_among_those_to_keep(ensure, bedrock):
    made = bedrock.made()
    for _ in range(2):
        bedrock.published(made)
    ensure(blocked_input_messaging="other", publish_version="on_change", keep_versions=2)
    assert list(bedrock.versions[made]) == ["2", "3"]


def test_old_versions_stay_when_the_publication_fails(ensure, bedrock, monkeypatch):
    made = bedrock.made()
    bedrock.published(made)
    monkeypatch.setattr(bedrock, "create_guardrail_version", lambda **request: bedrock.get_guardrail(
        guardrailIdentifier="none", guardrailVersion="DRAFT"))  # fmt: skip
    with pytest.raises(AwsError, match="Failed to publish a version of guardrail g1"):
        ensure(blocked_input_messaging="other", publish_version="on_change", keep_versions=1)
    assert list(bedrock.versions[made]) == ["1"]


def test_a_version_counts_as_made_once_it_is_listed(ensure, bedrock, monkeypatch):
    bedrock.made()
    paginate, looks = bedrock.paginate, []

    def late(**request):
        looks.append(request)
        found = paginate(**request).build_full_result()["guardrails"]
        rows = [row for row in found if row.get("version") != "1" or len(looks) > 4]
        return SimpleNamespace(build_full_result=lambda: {"guardrails": rows})

    monkeypatch.setattr(bedrock, "paginate", late)
    ensure(publish_version="on_change")
    assert not ensure(publish_version="on_change")["changed"] and list(bedrock.versions["g1"]) == ["1"]
