# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


def test_an_instance_is_created_backed_up_and_then_available(create, look, pass_time):
    name, seen = create(available=False), []
    for seconds in (0, 490, 120):
        pass_time(seconds)
        seen.append(look(name)["DBInstanceStatus"])
    assert seen == ["creating", "backing-up", "available"]


def test_the_endpoint_appears_only_when_the_instance_is_created(create, look, pass_time):
    name = create(available=False)
    assert "Endpoint" not in look(name)
    pass_time(700)
    assert look(name)["Endpoint"]["Address"] == f"{name}.c9rehearsal.eu-west-1.rds.amazonaws.com"


def test_without_automated_backups_there_is_no_backup_after_creation(create, look, pass_time):
    name = create(available=False, BackupRetentionPeriod=0)
    pass_time(590)
    assert look(name)["DBInstanceStatus"] == "creating"


def test_automated_backups_are_listed_with_their_instance_and_go_with_it(create, client, look, pass_time):
    rds = client("rds", "eu-west-1")

    def listed(name, **asked):
        found = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=name, **asked)
        return [one["Status"] for one in found["DBInstanceAutomatedBackups"]]

    name = create(available=False)
    assert listed(name) == ["creating"]
    pass_time(700)
    assert listed(name, DbiResourceId=look(name)["DbiResourceId"]) == ["active"]
    assert listed(name, Filters=[{"Name": "status", "Values": ["retained"]}]) == []
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    pass_time(300)
    assert listed(name) == []


def test_an_instance_without_automated_backups_has_none_listed(create, client):
    found = client("rds", "eu-west-1").describe_db_instance_automated_backups(
        DBInstanceIdentifier=create(BackupRetentionPeriod=0)
    )
    assert found["DBInstanceAutomatedBackups"] == []


def test_backups_that_outlive_their_instance_are_refused_by_name(create, client, refused):
    with refused("NotImplemented"):
        client("rds", "eu-west-1").delete_db_instance(
            DBInstanceIdentifier=create(), SkipFinalSnapshot=True, DeleteAutomatedBackups=False
        )


def test_work_that_fails_makes_the_instance_fail(create, plane, look):
    plane.failing = {"create"}
    assert look(create())["DBInstanceStatus"] == "failed"


def test_gp3_has_its_fixed_performance(create, look):
    shown = look(create(StorageType="gp3"))
    assert (shown["Iops"], shown["StorageThroughput"]) == (3000, 125)


def test_a_multi_az_instance_shows_its_second_zone(create, look):
    shown = look(create(MultiAZ=True))
    assert (shown["AvailabilityZone"], shown["SecondaryAvailabilityZone"]) == ("eu-west-1a", "eu-west-1b")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"EngineVersion": "99.9"}, "InvalidParameterCombination"),
        ({"Engine": "mysql"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "db.t3.gigantic"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "with/a/slash"}, "InvalidParameterValue"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"StorageType": "gp3", "Iops": 5000}, "InvalidParameterCombination"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue"),
        ({"MonitoringInterval": 60}, "InvalidParameterCombination"),
        ({"MultiAZ": True, "AvailabilityZone": "eu-west-1a"}, "InvalidParameterCombination"),
        ({"VpcSecurityGroupIds": ["sg-0"]}, "InvalidParameterValue"),
        ({"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault"),
        ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound"),
        ({"StorageEncrypted": True, "KmsKeyId": "alias/none"}, "KMSKeyNotAccessibleFault"),
        ({"EnableCloudwatchLogsExports": ["audit"]}, "InvalidParameterCombination"),
        ({"DBInstanceIdentifier": "two--hyphens"}, "InvalidParameterValue"),
        ({"ManageMasterUserPassword": True}, "NotImplemented"),
    ],
)
def test_an_instance_that_aws_would_refuse_is_refused(create, client, refused, options, code):
    before = len(client("rds", "eu-west-1").describe_db_instances()["DBInstances"])
    with refused(code):
        create(available=False, **options)
    assert len(client("rds", "eu-west-1").describe_db_instances()["DBInstances"]) == before


def test_a_disabled_key_is_not_accessible(create, client, network, refused):
    key = client("kms", "eu-west-1").create_key()["KeyMetadata"]["KeyId"]
    client("kms", "eu-west-1").disable_key(KeyId=key)
    with refused("KMSKeyNotAccessibleFault"):
        create(StorageEncrypted=True, KmsKeyId=key)


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("modify_db_instance", {"DeletionProtection": True}),
        ("reboot_db_instance", {}),
        ("stop_db_instance", {}),
        ("create_db_snapshot", {"DBSnapshotIdentifier": "never"}),
        ("delete_db_instance", {"SkipFinalSnapshot": True}),
    ],
)
def test_an_instance_that_is_not_available_cannot_be_changed(create, client, refused, operation, options):
    name = create(available=False)
    with refused("InvalidDBInstanceState"):
        getattr(client("rds", "eu-west-1"), operation)(DBInstanceIdentifier=name, **options)


def test_a_failover_swaps_the_zones_and_crashes_the_server(create, client, plane, look, pass_time):
    name = create(MultiAZ=True)
    client("rds", "eu-west-1").reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
    assert look(name)["DBInstanceStatus"] == "rebooting"
    pass_time(90)
    assert look(name)["AvailabilityZone"] == "eu-west-1b"
    assert ("reboot", name) in plane.done


def test_a_failover_needs_multi_az(create, client, refused):
    with refused("InvalidParameterCombination"):
        client("rds", "eu-west-1").reboot_db_instance(DBInstanceIdentifier=create(), ForceFailover=True)


def test_an_instance_stops_and_starts(create, client, look, pass_time):
    name, rds = create(), client("rds", "eu-west-1")
    rds.stop_db_instance(DBInstanceIdentifier=name)
    pass_time(200)
    assert look(name)["DBInstanceStatus"] == "stopped"
    rds.start_db_instance(DBInstanceIdentifier=name)
    assert look(name)["DBInstanceStatus"] == "starting"
    pass_time(300)
    assert look(name)["DBInstanceStatus"] == "available"


def test_a_protected_instance_is_not_deleted(create, client, refused):
    with refused("InvalidParameterCombination"):
        name = create(DeletionProtection=True)
        client("rds", "eu-west-1").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_a_deletion_says_what_becomes_of_the_data(create, client, refused):
    with refused("InvalidParameterCombination"):
        client("rds", "eu-west-1").delete_db_instance(DBInstanceIdentifier=create())


def test_a_deleted_instance_is_listed_as_deleting_and_then_gone(create, client, look, refused, pass_time):
    name = create()
    client("rds", "eu-west-1").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert look(name)["DBInstanceStatus"] == "deleting"
    pass_time(300)
    with refused("DBInstanceNotFound"):
        look(name)


def test_a_final_snapshot_outlives_its_instance(create, client, look_snapshot, plane, pass_time):
    name = create()
    client("rds", "eu-west-1").delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=f"final-{name}")
    pass_time(300)
    assert look_snapshot(f"final-{name}")["Status"] == "available"
    assert ("delete", name) in plane.done


def test_a_final_snapshot_needs_a_free_name(create, client, look, refused, pass_time):
    name, rds = create(), client("rds", "eu-west-1")
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"taken-{name}")
    pass_time(300)
    with refused("DBSnapshotAlreadyExists"):
        rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=f"taken-{name}")
    assert look(name)["DBInstanceStatus"] == "available"


def test_an_instance_keeps_its_security_group_from_being_deleted(create, client, network, refused, pass_time):
    name, ec2 = create(), client("ec2", "eu-west-1")
    held = ec2.describe_network_interfaces(Filters=[{"Name": "requester-id", "Values": ["amazon-rds"]}])
    assert held["NetworkInterfaces"]
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=network("eu-west-1")["security_group"])
    client("rds", "eu-west-1").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    pass_time(300)
    after = ec2.describe_network_interfaces(Filters=[{"Name": "requester-id", "Values": ["amazon-rds"]}])
    assert len(after["NetworkInterfaces"]) < len(held["NetworkInterfaces"])


def test_tags_are_changed_by_the_tag_calls(create, client, look):
    name, rds = create(Tags=[{"Key": "a", "Value": "1"}]), client("rds", "eu-west-1")
    arn = look(name)["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert look(name)["TagList"] == [{"Key": "b", "Value": "2"}]
