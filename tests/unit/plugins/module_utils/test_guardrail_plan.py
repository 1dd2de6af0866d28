# SPDX-License-Identifier: GPL-3.0-or-later
import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_plan as planning


@pytest.mark.parametrize(
    ("keep", "pinned", "publishing", "superfluous"),
    [
        (None, [], False, []),
        (2, [], False, [1, 2, 9]),
        (2, [2], False, [1, 9]),
        (2, [], True, [1, 2, 9, 10]),
        (1, [11], True, [1, 2, 9, 10]),
        (9, [], True, []),
    ],
)
def test_versions_beyond_those_to_keep_are_counted_as_numbers(keep, pinned, publishing, superfluous):
    assert planning.find_superfluous([2, 11, 1, 10, 9], keep, pinned, publishing) == superfluous


@pytest.mark.parametrize(
    ("mode", "newest", "publish"),
    [
        ("never", None, False),
        ("always", {"blockedInputMessaging": "a"}, True),
        ("on_change", None, True),
        ("on_change", {"blockedInputMessaging": "a", "name": "other"}, False),
        ("on_change", {"blockedInputMessaging": "b"}, True),
    ],
)
def test_when_a_version_is_made(mode, newest, publish):
    assert planning.is_to_publish(mode, newest, {"blockedInputMessaging": "a", "name": "g"}) is publish


def test_a_hidden_text_still_shows_that_it_changed():
    shape = botocore.session.get_session().get_service_model("bedrock").operation_model("CreateGuardrail").input_shape
    hidden = [
        planning.hide(shape, {"name": "g", "description": text, "kmsKeyId": "alias/k"}) for text in ("one", "two")
    ]
    assert hidden[0]["name"] == "g" and hidden[0]["kmsKeyId"] == "alias/k"
    assert "one" not in str(hidden[0]) and hidden[0]["description"] != hidden[1]["description"]


def test_a_hidden_topic_keeps_its_name_and_actions():
    shape = botocore.session.get_session().get_service_model("bedrock").operation_model("CreateGuardrail").input_shape
    topic = {"name": "law", "definition": "secret", "type": "DENY", "inputAction": "BLOCK", "examples": ["secret"]}
    shown = planning.hide(shape, {"topicPolicyConfig": {"topicsConfig": [topic]}})
    item = shown["topicPolicyConfig"]["topicsConfig"][0]
    assert (item["name"], item["type"], item["inputAction"]) == ("law", "DENY", "BLOCK") and "secret" not in str(item)
