# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import ec2_flow_log as module

PARAMS = {
    "vpc_id": "vpc-1",
    "state": "present",
    "log_group": "/vpc/a",
    "bucket_arn": None,
    "role_arn": "role",
    "traffic_type": "ALL",
    "aggregation_interval_s": 600,
    "log_format": None,
    "tags": {"W": "x"},
    "purge_tags": True,
}


def flow_log(key="fl-1", **changes):
    present = {
        "FlowLogId": key,
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": "/vpc/a",
        "TrafficType": "ALL",
        "DeliverLogsPermissionArn": "role",
        "LogFormat": "${version}",
        "Tags": {"W": "x"},
    }
    return {**present, **changes}


class Client:
    """Flow logs in memory, as EC2 answers; `duplicates` refuses a second one of the same destination."""

    def __init__(self, *ids, duplicates=False):
        self.ids, self.duplicates, self.calls = list(ids), duplicates, []

    def create_flow_logs(self, aws_retry, **request):
        self.calls.append("create")
        if self.duplicates and self.ids:
            error = {"Code": "FlowLogAlreadyExists", "Message": "duplicate"}
            return {"FlowLogIds": [], "Unsuccessful": [{"Error": error, "ResourceId": "vpc-1"}]}
        self.ids.append("new")
        self.request = request
        return {"FlowLogIds": ["new"]}

    def delete_flow_logs(self, FlowLogIds, aws_retry):
        self.calls.append("delete")
        self.ids.remove(FlowLogIds[0])
        return {}


def test_a_flow_log_as_wanted_needs_nothing():
    planned = module.plan([flow_log()], PARAMS)
    assert planned["current"]["FlowLogId"] == "fl-1" and not planned["old"] and not planned["to_set"]


@pytest.mark.parametrize(
    "change",
    [{"traffic_type": "REJECT"}, {"role_arn": "other"}, {"aggregation_interval_s": 60}, {"log_format": "${srcaddr}"}],
)
def test_what_cannot_be_changed_is_replaced(change):
    planned = module.plan([flow_log()], {**PARAMS, **change})
    assert planned["current"] is None and [item["FlowLogId"] for item in planned["old"]] == ["fl-1"]


def test_a_leftover_of_an_interrupted_replacement_goes():
    planned = module.plan([flow_log("old", TrafficType="REJECT"), flow_log("new")], PARAMS)
    assert planned["current"]["FlowLogId"] == "new" and [item["FlowLogId"] for item in planned["old"]] == ["old"]


def test_the_new_one_comes_before_the_old_one_goes():
    client = Client("fl-1")
    module.write(client, PARAMS, module.plan([flow_log(TrafficType="REJECT")], PARAMS))
    assert client.calls == ["create", "delete"] and client.ids == ["new"]


def test_a_duplicate_in_aws_eyes_goes_first():
    client = Client("fl-1", duplicates=True)
    module.write(client, PARAMS, module.plan([flow_log(TrafficType="REJECT")], PARAMS))
    assert client.calls == ["create", "delete", "create"] and client.ids == ["new"]


def test_a_duplicate_without_an_old_one_is_a_failure():
    client = Client("unknown", duplicates=True)
    with pytest.raises(MultiregionError, match="FlowLogAlreadyExists"):
        module.write(client, PARAMS, module.plan([], PARAMS))
    assert client.ids == ["unknown"]


def test_a_replacement_keeps_format_and_tags():
    client = Client("fl-1")
    params = {**PARAMS, "tags": None}
    module.write(client, params, module.plan([flow_log(TrafficType="REJECT")], params))
    assert client.request["LogFormat"] == "${version}"
    assert client.request["TagSpecifications"][0]["Tags"] == [{"Key": "W", "Value": "x"}]


@pytest.mark.parametrize(
    ("found", "same"),
    [
        ({"LogGroupName": "/vpc/a", "LogDestination": "arn:aws:logs:r:1:log-group:/vpc/a"}, True),
        ({"LogDestinationType": "cloud-watch-logs", "LogGroupName": "/vpc/b"}, False),
        ({"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b"}, False),
    ],
)
def test_a_log_group_is_known_by_its_name(found, same):
    assert module.has_destination(found, module.build_destination(PARAMS)) is same


def test_a_bucket_is_known_by_its_arn():
    destination = module.build_destination({"log_group": None, "bucket_arn": "arn:aws:s3:::b"})
    assert module.has_destination({"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b/"}, destination)


def test_the_kind_of_resource_is_in_its_id():
    assert module.build_resource_type("subnet-1") == "Subnet"
    with pytest.raises(Refused, match="vpc-, subnet- or eni-"):
        module.build_resource_type("i-1")


def test_a_log_group_needs_a_role():
    with pytest.raises(Refused, match="needs a role"):
        module.check_role({**PARAMS, "role_arn": None})
