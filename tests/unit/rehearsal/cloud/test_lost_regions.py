# SPDX-License-Identifier: GPL-3.0-or-later
import threading

import pytest
from botocore.exceptions import ConnectionClosedError

from rehearsal.cloud.control import answer_control
from rehearsal.cloud.lost_regions import LostRegions, hide_listeners, is_database_of

LOST, OTHER = "eu-central-1", "eu-west-1"


@pytest.fixture
def lose(world):
    """Lose a region until the end of the test."""
    yield lambda mode, region=LOST: answer_control(
        world, "POST", "regions/lost", b'{"region": "%s", "mode": "%s"}' % (region.encode(), mode.encode()), {}
    )
    world.lost.regain(LOST)


def test_no_call_reaches_a_lost_region_and_each_is_written_down_as_one(world, client, lose):
    start = world.ledger.mark("lost")
    assert lose("refuse") == (200, {LOST: "refuse"})
    with pytest.raises(ConnectionClosedError):
        client("rds", LOST).describe_db_instances()
    told = world.ledger.read({"since": str(start)})["calls"]
    assert [(call["operation"], call["status"], call["error"]) for call in told] == [
        ("DescribeDBInstances", 0, "RegionLost")
    ]


def test_other_regions_and_global_services_answer(client, lose):
    lose("refuse")
    assert "DBInstances" in client("rds", OTHER).describe_db_instances()
    assert "HostedZones" in client("route53", LOST).list_hosted_zones()


def test_a_region_that_is_back_is_as_it_was(client, lose):
    client("ec2", LOST).create_key_pair(KeyName="kept")
    lose("refuse")
    assert lose("") == (200, {})
    assert client("ec2", LOST).describe_key_pairs(KeyNames=["kept"])["KeyPairs"]


def test_a_black_hole_keeps_its_caller_until_the_region_is_back():
    lost = LostRegions()
    lost.lose(LOST, "blackhole")
    caller = threading.Thread(target=lost.hold, args=(LOST,))
    caller.start()
    caller.join(0.1)
    assert caller.is_alive()
    lost.regain(LOST)
    caller.join(5)
    assert not caller.is_alive()


@pytest.mark.parametrize(
    "body",
    [b'{"region": "eu-central-1"}', b'{"region": "mars", "mode": "refuse"}', b'{"region": "eu-west-1", "mode": "no"}'],
)
def test_what_is_no_loss_is_refused(world, body):
    status, answer = answer_control(world, "POST", "regions/lost", body, {})
    assert status == 400 and "expected region, and mode" in answer["error"]


def test_balancers_of_a_lost_region_have_no_socket_or_one_that_swallows():
    row = {"arn": "a", "listeners": [{"port": 443, "protocol": "HTTPS", "actions": [{"type": "forward"}]}]}
    assert hide_listeners(row, "") == row
    assert hide_listeners(row, "refuse")["listeners"] == []
    assert hide_listeners(row, "blackhole")["listeners"][0]["actions"] == [{"type": "blackhole"}]


def test_databases_are_told_by_their_names():
    lost = {LOST: "refuse"}
    assert is_database_of("db.abc.eu-central-1.rds.amazonaws.com.", lost)
    assert not is_database_of("db.abc.eu-west-1.rds.amazonaws.com.", lost)
    assert not is_database_of("alb-1.eu-central-1.elb.amazonaws.com.", lost)
