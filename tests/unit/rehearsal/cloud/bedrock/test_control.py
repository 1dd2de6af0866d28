# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.bedrock.control import control
from rehearsal.cloud.control import ControlError

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_a_model_can_be_added_and_removed(api, settings):
    settings(model={"id": "amazon.new-v1:0", "regions": {"eu-central-1": ["ON_DEMAND"]}})
    assert api.get_foundation_model(modelIdentifier="amazon.new-v1:0")["modelDetails"]["providerName"] == "Amazon"
    settings(remove="amazon.new-v1:0")
    assert "amazon.new-v1:0" not in settings(knobs={})["models"]


def test_a_change_of_a_model_keeps_the_rest(bedrock, settings):
    before = bedrock.catalogue.models[SONNET]
    settings(model={"id": SONNET, "regions": {"eu-west-1": ["ON_DEMAND"]}})
    after = bedrock.catalogue.models[SONNET]
    assert (after.name, after.lifecycle, list(after.regions)) == (before.name, before.lifecycle, ["eu-west-1"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "expected"),
        ({"nonsense": 1}, "nonsense"),
        ({"knobs": {"nonsense": 1}}, "nonsense"),
        ({"remove": "nobody"}, "no model or profile"),
        ({"lifecycle": {"model": "nobody", "end": "-1d"}}, "nobody"),
        ({"lifecycle": {"model": SONNET, "end": "soon"}}, "soon"),
    ],
)
def test_what_it_does_not_know_is_refused(bedrock, body, text):
    with pytest.raises(ControlError, match=text):
        control(bedrock, "POST", body)


def test_reading_changes_nothing(bedrock):
    assert control(bedrock, "GET", {}) == control(bedrock, "GET", {})
