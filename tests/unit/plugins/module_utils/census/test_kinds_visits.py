# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.module_utils.census import kinds_visits
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Rules, build_plan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import KINDS, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import Finding

ARN = "arn:aws:chime:eu-central-1:123456789012:app-instance/1"


class Identity:
    """A region's app instances, in two pages."""

    def __init__(self):
        self.deleted = []

    def list_app_instances(self, aws_retry, NextToken=None):  # noqa: N803
        if NextToken is None:
            return {"AppInstances": [{"AppInstanceArn": ARN, "Name": "medzen-messaging"}], "NextToken": "2"}
        return {"AppInstances": [{"AppInstanceArn": "arn:other", "Name": "other"}]}

    def list_tags_for_resource(self, ResourceARN, aws_retry):  # noqa: N803
        return {"Tags": [{"Key": "Workload", "Value": "medzen-ehrbase"}] if ResourceARN == ARN else []}

    def delete_app_instance(self, AppInstanceArn, aws_retry):  # noqa: N803
        self.deleted.append(AppInstanceArn)


def place(region, identity=None):
    def clients(_service, _region):
        assert identity is not None, "a region without the service is asked for nothing"
        return identity

    return Place(clients, region)


def test_app_instances_are_listed_with_their_tags():
    found = kinds_visits.list_app_instances(place("eu-central-1", Identity()))
    assert [(one.id, one.name, one.tags) for one in found] == [
        (ARN, "medzen-messaging", {"Workload": "medzen-ehrbase"}),
        ("arn:other", "other", {}),
    ]


def test_a_region_without_the_service_has_none_and_is_not_asked():
    assert kinds_visits.list_app_instances(place("af-south-1")) == []


def test_an_app_instance_stays_unless_it_is_named():
    (item, _other) = kinds_visits.list_app_instances(place("eu-central-1", Identity()))
    findings = {"chime_app_instance": Finding("chime_app_instance", (item,))}
    kept = build_plan(findings, Rules("medzen-ehrbase"), KINDS)
    assert kept.steps == () and "retention" in kept.kept[item.key]
    named = build_plan(findings, Rules("medzen-ehrbase", include=frozenset({item.key})), KINDS)
    assert [step.item.id for step in named.steps] == [ARN]


def test_the_one_that_is_named_is_deleted():
    identity = Identity()
    where = place("eu-central-1", identity)
    item = kinds_visits.list_app_instances(where)[0]
    assert kinds_visits.delete_app_instance(where, item) == "deletion asked for" and identity.deleted == [ARN]
