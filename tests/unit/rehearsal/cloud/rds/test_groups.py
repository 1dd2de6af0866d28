# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

HOME = "eu-west-1"


@pytest.fixture
def group(client, name):
    group_name = f"pg-{name}"
    client("rds", HOME).create_db_parameter_group(
        DBParameterGroupName=group_name, DBParameterGroupFamily="postgres16", Description="tests"
    )
    return group_name


@pytest.fixture
def set_parameter(client, group):
    def change(parameter, value, method):
        row = {"ParameterName": parameter, "ParameterValue": value, "ApplyMethod": method}
        client("rds", HOME).modify_db_parameter_group(DBParameterGroupName=group, Parameters=[row])

    return change


def test_a_parameter_group_in_use_is_not_deleted(create, client, group, refused):
    create(DBParameterGroupName=group)
    with refused("InvalidDBParameterGroupState"):
        client("rds", HOME).delete_db_parameter_group(DBParameterGroupName=group)


def test_a_subnet_group_in_use_is_not_deleted(create, client, network, refused):
    create()
    with refused("InvalidDBSubnetGroupStateFault"):
        client("rds", HOME).delete_db_subnet_group(DBSubnetGroupName=network(HOME)["subnet_group"])


def test_a_subnet_group_covers_two_zones(client, network, rds, refused):
    one = network(HOME)["subnets"][:1]
    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        client("rds", HOME).create_db_subnet_group(DBSubnetGroupName="x", DBSubnetGroupDescription="x", SubnetIds=one)


def test_a_modified_subnet_group_is_still_there(client, network, rds):
    name, subnets = network(HOME)["subnet_group"], network(HOME)["subnets"]
    client("rds", HOME).modify_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="other", SubnetIds=subnets
    )
    shown = client("rds", HOME).describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"][0]
    assert (shown["DBSubnetGroupDescription"], len(shown["Subnets"])) == ("other", 2)


def test_a_parameter_group_of_another_version_does_not_fit(create, client, name, refused, rds):
    client("rds", HOME).create_db_parameter_group(
        DBParameterGroupName=f"old-{name}", DBParameterGroupFamily="postgres15", Description="tests"
    )
    with refused("InvalidParameterCombination"):
        create(DBParameterGroupName=f"old-{name}")


def test_a_dynamic_parameter_reaches_the_server_at_once(create, group, set_parameter, plane):
    create(DBParameterGroupName=group)
    set_parameter("work_mem", "8192", "immediate")
    assert ("reload", {"work_mem": "8192"}) in plane.done


def test_a_static_parameter_waits_for_a_reboot(create, group, set_parameter, plane, look):
    name = create(DBParameterGroupName=group)
    set_parameter("max_connections", "150", "pending-reboot")
    assert look(name)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    assert not [work for work, *_ in plane.done if work == "reload"]


@pytest.mark.parametrize(
    ("parameter", "method", "code"),
    [
        ("max_connections", "immediate", "InvalidParameterCombination"),
        ("no_such_parameter", "immediate", "InvalidParameterValue"),
    ],
)
def test_a_parameter_that_cannot_be_set_so_is_refused(set_parameter, rds, refused, parameter, method, code):
    with refused(code):
        set_parameter(parameter, "1", method)


def test_parameters_are_listed_with_the_engines_defaults(client, group, set_parameter, rds):
    set_parameter("work_mem", "8192", "immediate")
    rows = client("rds", HOME).describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    by_name = {row["ParameterName"]: row for row in rows}
    assert (by_name["work_mem"]["ParameterValue"], by_name["work_mem"]["Source"]) == ("8192", "user")
    assert (by_name["lock_timeout"]["ParameterValue"], by_name["lock_timeout"]["Source"]) == ("0", "system")
