# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.medzen.multiregion.plugins.filter.model_resources import model_resources
from ansible_collections.medzen.multiregion.plugins.filter.named_profiles import named_profiles

HOME, DR, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
MODEL = {
    "region": HOME,
    "kind": "foundation_model",
    "model_id": "a.b-v1:0",
    "foundation_model_id": "a.b-v1:0",
    "destinations": [HOME],
}
PROFILE = {**MODEL, "kind": "inference_profile", "model_id": "eu.a.b-v1:0", "destinations": [HOME, DR]}
OWN = f"arn:aws:bedrock:{HOME}:{ACCOUNT}:application-inference-profile/*"


def test_a_model_is_called_by_its_own_arn():
    assert model_resources([MODEL], ACCOUNT) == [OWN, f"arn:aws:bedrock:{HOME}::foundation-model/a.b-v1:0"]


def test_through_a_profile_each_destination_is_needed_and_the_profile():
    assert set(model_resources([PROFILE], ACCOUNT)) == {
        OWN,
        f"arn:aws:bedrock:{HOME}:{ACCOUNT}:inference-profile/eu.a.b-v1:0",
        f"arn:aws:bedrock:{HOME}::foundation-model/a.b-v1:0",
        f"arn:aws:bedrock:{DR}::foundation-model/a.b-v1:0",
    }


def test_a_global_destination_is_the_arn_without_a_region():
    assert "arn:aws:bedrock:::foundation-model/a.b-v1:0" in model_resources(
        [{**PROFILE, "destinations": ["global"]}], ACCOUNT
    )


def test_a_profile_that_was_given_as_arn_stays_one():
    arn = f"arn:aws:bedrock:{HOME}:{ACCOUNT}:application-inference-profile/p1"
    assert arn in model_resources([{**PROFILE, "model_id": arn}], ACCOUNT)


def test_each_region_has_the_profile_of_its_own_name():
    one, other = {"name": "a", "arn": "arn:1"}, {"name": "b", "arn": "arn:2"}
    assert named_profiles({HOME: [one, other], DR: [one]}, {HOME: "a", DR: "b"}) == {HOME: one}


def test_two_profiles_of_one_name_are_refused():
    found = {HOME: [{"name": "a", "arn": "arn:1"}, {"name": "a", "arn": "arn:2"}]}
    with pytest.raises(AnsibleFilterError, match="arn:1, arn:2"):
        named_profiles(found, {HOME: "a"})
