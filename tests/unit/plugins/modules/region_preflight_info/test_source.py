# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight makes of production: it is judged by what its service runs, and its absence is no yes."""

import pytest
from ansible_collections.medzen.multiregion.plugins.modules import region_preflight_info as module
from botocore.exceptions import ClientError

AF, EU, NODE = "af-south-1", "eu-central-1", "ehr.example.org"
# Not what the workload's name and the region would make one guess.
RUNS = "ehr-production:7"
PARAMS = {"workload": "medzen-ehrbase", "node_name": NODE, "authentication": ""}


def environment(**values):
    entries = [{"name": name, "value": value} for name, value in values.items()]
    return {"containerDefinitions": [{"environment": entries}]}


SOUND = environment(SERVER_NODENAME=NODE, SECURITY_AUTHTYPE="BASIC")


class Region:
    """RDS and ECS of the region that production is in."""

    def __init__(self, code="ClientException", **definitions):
        self.code, self.definitions = code, definitions

    def describe_db_instances(self, aws_retry, **request):
        return {"DBInstances": [{"DBInstanceStatus": "available", "BackupRetentionPeriod": 7}]}

    def describe_task_definition(self, taskDefinition, aws_retry):
        if taskDefinition not in self.definitions:
            raise ClientError({"Error": {"Code": self.code}}, "DescribeTaskDefinition")
        return {"taskDefinition": self.definitions[taskDefinition]}


def verdicts(region, *named):
    """Name and verdict of each check of production."""
    source = {"region": AF, "db_instance_identifier": "db", "task_definitions": list(named)}
    checks = module.check_source(lambda _service, _region: region, {**PARAMS, "source": source})
    assert {check.region for check in checks} == {AF}
    return [(check.name, check.verdict) for check in checks]


def test_production_is_judged_by_what_its_service_runs():
    guessed = {f"medzen-ehrbase-{AF}": environment(SERVER_NODENAME="other")}
    sound = [("source database", "ok"), ("authentication", "ok"), ("node name", "ok")]
    assert verdicts(Region(**{RUNS: SOUND}, **guessed), RUNS) == sound


@pytest.mark.parametrize(
    ("found", "refused"),
    [
        (environment(SERVER_NODENAME="local.ehrbase.org", SECURITY_AUTHTYPE="BASIC"), "node name"),
        (environment(SECURITY_AUTHTYPE="BASIC"), "node name"),
        (environment(SERVER_NODENAME=NODE), "authentication"),
    ],
)
def test_production_with_another_node_name_or_without_authentication_is_refused(found, refused):
    assert [name for name, verdict in verdicts(Region(**{RUNS: found}), RUNS) if verdict == "refuse"] == [refused]


def test_each_of_several_definitions_is_judged():
    found = verdicts(Region(**{RUNS: SOUND, "old:1": environment(SERVER_NODENAME="old")}), RUNS, "old:1")
    assert found.count(("node name", "ok")) == found.count(("node name", "refuse")) == 1


@pytest.mark.parametrize(
    ("region", "named"),
    [
        (Region(**{f"medzen-ehrbase-{AF}": SOUND}), []),
        (Region(), [RUNS]),
        (Region(code="AccessDeniedException"), [RUNS]),
    ],
)
def test_a_production_whose_task_definition_nobody_can_tell_is_unknown(region, named):
    assert verdicts(region, *named)[1:] == [("authentication", "unknown"), ("node name", "unknown")]


@pytest.mark.parametrize(
    ("region", "taken_from", "verdict"),
    [
        ("eu-central-1", [AF], "ok"),
        ("eu-central-1", ["eu-west-1"], "refuse"),
        # The DR region follows the primary: it never takes from production.
        ("eu-west-1", ["eu-central-1"], "ok"),
        ("eu-west-1", [AF], "refuse"),
    ],
)
def test_each_region_must_take_from_the_one_that_it_gets_its_data_from(monkeypatch, region, taken_from, verdict):
    monkeypatch.setattr(module.reads, "read_sources", lambda _clients, _region: taken_from)
    params = {"source": {"region": AF}, "data_from": {"eu-west-1": "eu-central-1"}}
    assert [check.verdict for check in module.check_pair(None, params, region)] == [verdict]


def test_after_the_move_the_pair_of_primary_and_dr_is_asked_all_the_same(monkeypatch):
    monkeypatch.setattr(module.reads, "read_sources", lambda _clients, _region: [])
    params = {"source": None, "data_from": {"eu-west-1": "eu-central-1"}}
    assert module.check_pair(None, params, "eu-central-1") == []
    assert [check.verdict for check in module.check_pair(None, params, "eu-west-1")] == ["refuse"]


def test_a_region_that_is_still_to_be_built_has_no_task_definition_yet():
    checks = module.check_planned(lambda _service, _region: Region(), PARAMS, EU)
    assert [(check.verdict, check.found) for check in checks] == [("ok", "no task definition yet")] * 2
