# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


@pytest.fixture
def modify(client):
    def change(name, **options):
        return client("rds", "eu-west-1").modify_db_instance(DBInstanceIdentifier=name, **options)["DBInstance"]

    return change


def test_a_change_that_waits_is_pending_and_not_effective(create, modify, look):
    name = create()
    shown = modify(name, DBInstanceClass="db.t3.large", ApplyImmediately=False)
    assert shown["PendingModifiedValues"] == {"DBInstanceClass": "db.t3.large"}
    assert (look(name)["DBInstanceClass"], look(name)["DBInstanceStatus"]) == ("db.t3.medium", "available")


def test_an_immediate_change_takes_pending_ones_along(create, modify, look, pass_time):
    name = create()
    modify(name, DBInstanceClass="db.t3.large", ApplyImmediately=False)
    shown = modify(name, AllocatedStorage=200, ApplyImmediately=True)
    assert shown["DBInstanceStatus"] == "modifying"
    pass_time(60)
    after = look(name)
    assert (after["DBInstanceClass"], after["AllocatedStorage"]) == ("db.t3.large", 200)
    assert after["PendingModifiedValues"] == {}


def test_another_class_restarts_the_server(create, modify, plane, pass_time):
    name = create()
    modify(name, DBInstanceClass="db.t3.large", ApplyImmediately=True)
    assert ("reboot", name) in plane.done


def test_protection_is_lifted_at_once(create, modify, look):
    name = create(DeletionProtection=True)
    modify(name, DeletionProtection=False)
    assert (look(name)["DeletionProtection"], look(name)["DBInstanceStatus"]) == (False, "available")


def test_a_change_to_what_already_is_changes_nothing(create, modify):
    name = create()
    assert modify(name, AllocatedStorage=100, ApplyImmediately=True)["DBInstanceStatus"] == "available"


def test_a_password_reaches_the_server_and_no_answer(create, modify, plane):
    name = create()
    shown = modify(name, MasterUserPassword="another-Password-2", ApplyImmediately=True)
    assert shown["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert ("set_password", "ehrbase_admin", "another-Password-2") in plane.done


def test_backups_that_are_turned_on_begin_with_one(create, modify, look, pass_time):
    name = create(BackupRetentionPeriod=0)
    modify(name, BackupRetentionPeriod=7, ApplyImmediately=True)
    pass_time(40)
    assert look(name)["DBInstanceStatus"] == "backing-up"


def test_a_new_parameter_group_waits_for_a_reboot(create, modify, client, look, pass_time):
    name, rds = create(), client("rds", "eu-west-1")
    rds.create_db_parameter_group(
        DBParameterGroupName=f"pg-{name}", DBParameterGroupFamily="postgres16", Description="tests"
    )
    modify(name, DBParameterGroupName=f"pg-{name}", ApplyImmediately=True)
    pass_time(60)
    assert look(name)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    pass_time(120)
    assert look(name)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_log_exports_are_added_and_taken_away(create, modify, look, pass_time):
    name = create(EnableCloudwatchLogsExports=["upgrade"])
    change = {"EnableLogTypes": ["postgresql"], "DisableLogTypes": ["upgrade"]}
    modify(name, CloudwatchLogsExportConfiguration=change, ApplyImmediately=True)
    assert look(name)["EnabledCloudwatchLogsExports"] == ["postgresql"]


def test_a_rename_moves_the_endpoint(create, modify, rds, look, pass_time):
    name = create()
    modify(name, NewDBInstanceIdentifier=f"{name}-new", ApplyImmediately=True)
    assert look(name)["DBInstanceStatus"] == "renaming"
    pass_time(60)
    assert look(f"{name}-new")["Endpoint"]["Address"].startswith(f"{name}-new.")
    assert f"{name}-new.c9rehearsal.eu-west-1.rds.amazonaws.com." in rds.world.hosts


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"AllocatedStorage": 50}, "InvalidParameterValue"),
        ({"EngineVersion": "16.6"}, "InvalidParameterCombination"),
        ({"EngineVersion": "17.7", "AllowMajorVersionUpgrade": True}, "NotImplemented"),
        ({"MonitoringInterval": 60}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 99}, "InvalidParameterValue"),
        ({"DBPortNumber": 5433}, "NotImplemented"),
    ],
)
def test_a_change_that_cannot_be_honoured_is_refused(create, modify, look, refused, options, code):
    name = create()
    with refused(code):
        modify(name, ApplyImmediately=True, **options)
    assert look(name)["DBInstanceStatus"] == "available"
