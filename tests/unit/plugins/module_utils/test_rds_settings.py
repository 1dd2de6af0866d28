# SPDX-License-Identifier: GPL-3.0-or-later
import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import rds_settings as settings

INSTANCE = {
    "DBInstanceClass": "db.r6g.large",
    "EngineVersion": "16.11",
    "AllocatedStorage": 120,
    "MultiAZ": True,
    "PreferredMaintenanceWindow": "sun:04:30-sun:05:30",
    "BackupRetentionPeriod": 0,
    "DBParameterGroups": [{"DBParameterGroupName": "pg", "ParameterApplyStatus": "in-sync"}],
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-2"}, {"VpcSecurityGroupId": "sg-1"}],
    "EnabledCloudwatchLogsExports": ["postgresql"],
}


def drift(**params):
    return settings.find_drift(INSTANCE, settings.wanted_settings(params))


def test_what_is_omitted_is_not_compared():
    assert drift() == {}


@pytest.mark.parametrize(
    "params",
    [
        {"db_instance_class": "db.r6g.large", "multi_az": True, "parameter_group": "pg"},
        {"security_group_ids": ["sg-1", "sg-2"]},
        {"maintenance_window": "Sun:04:30-Sun:05:30"},
        {"storage": {"gb": 100}},
        {"engine_version": "16"},
        {"log_exports": ["postgresql"]},
        {"deletion_protection": False, "monitoring": {"interval_s": 0, "role_arn": "arn"}},
    ],
)
def test_what_is_as_wanted_is_no_drift(params):
    assert drift(**params) == {}


def test_drift_says_what_was_found_and_what_is_wanted():
    assert drift(backup={"retention_days": 7}, storage={"gb": 200}) == {
        "backup.retention_days": {"found": 0, "wanted": 7},
        "storage.gb": {"found": 120, "wanted": 200},
    }


def test_a_minor_version_is_not_met_by_its_prefix():
    assert "engine_version" in drift(engine_version="16.1")


def test_log_exports_are_changed_by_what_goes_on_and_off():
    wanted = settings.wanted_settings({"log_exports": ["upgrade"]})
    request = settings.build_modify_request(settings.find_drift(INSTANCE, wanted), wanted, INSTANCE)
    assert request == {
        "CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["upgrade"], "DisableLogTypes": ["postgresql"]}
    }


def test_companions_of_a_setting_go_along():
    wanted = settings.wanted_settings(
        {"storage": {"gb": 100, "iops": 4000}, "monitoring": {"interval_s": 60, "role_arn": "arn"}}
    )
    present = {"AllocatedStorage": 100, "Iops": 3000, "MonitoringInterval": 0, "MonitoringRoleArn": "arn"}
    request = settings.build_modify_request(settings.find_drift(present, wanted), wanted, present)
    assert request == {
        "AllocatedStorage": 100,
        "Iops": 4000,
        "MonitoringInterval": 60,
        "MonitoringRoleArn": "arn",
    }


def storage_request(present, **storage):
    wanted = settings.wanted_settings({"storage": storage})
    return settings.build_modify_request(settings.find_drift(present, wanted), wanted, present)


@pytest.mark.parametrize("change", [{"type": "gp3"}, {"iops": 13000}, {"throughput": 600}])
def test_another_change_of_the_storage_leaves_what_has_grown(change):
    present = {"AllocatedStorage": 450, "StorageType": "gp2"}
    assert storage_request(present, gb=400, **change)["AllocatedStorage"] == 450


def test_room_to_grow_is_changed_without_the_size():
    present = {"AllocatedStorage": 150, "MaxAllocatedStorage": 200}
    assert storage_request(present, gb=100, max_gb=300) == {"MaxAllocatedStorage": 300}


IO2 = {"AllocatedStorage": 100, "StorageType": "io2", "Iops": 5000}
GP3 = {"AllocatedStorage": 500, "StorageType": "gp3", "Iops": 13000, "StorageThroughput": 600}
SMALL_GP3 = {"AllocatedStorage": 100, "StorageType": "gp3", "Iops": 3000, "StorageThroughput": 125}


@pytest.mark.parametrize(
    ("present", "storage", "told"),
    [
        (IO2, {}, {"Iops": 5000}),
        (IO2, {"iops": 5000}, {"Iops": 5000}),
        (IO2, {"iops": 6000}, {"Iops": 6000}),
        (IO2, {"type": "io1"}, {"Iops": 5000, "StorageType": "io1"}),
        (IO2, {"type": "gp3"}, {"StorageType": "gp3"}),
        (GP3, {}, {"Iops": 13000, "StorageThroughput": 600}),
        (GP3, {"throughput": 700}, {"Iops": 13000, "StorageThroughput": 700}),
        (SMALL_GP3, {}, {}),
        ({"AllocatedStorage": 100, "StorageType": "gp2"}, {}, {}),
    ],
)
def test_storage_that_grows_keeps_the_performance_it_was_given(present, storage, told):
    assert storage_request(present, gb=700, **storage) == {"AllocatedStorage": 700, **told}


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (None, {"storage.gb": 100, "multi_az": True}),
        ({"AllocatedStorage": 50}, {"storage.gb": 100, "multi_az": True}),
        ({"AllocatedStorage": 100}, {"multi_az": True}),
        ({"AllocatedStorage": 150}, {"multi_az": True}),
    ],
)
def test_a_size_is_asked_for_only_above_that_of_the_source(source, asked):
    assert settings.beyond_source({"storage.gb": 100, "multi_az": True}, source) == asked


def test_a_request_takes_only_what_the_operation_takes():
    wanted = settings.wanted_settings({"multi_az": True, "monitoring": {"interval_s": 60}})
    assert settings.build_settings_request(wanted, ["MultiAZ", "Port"]) == {"MultiAZ": True}


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_can_be_given_at_creation(setting):
    assert setting.request in operation_members("CreateDBInstance")


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_can_be_modified(setting):
    wanted = {setting.path: ["a"] if setting.path == "log_exports" else "a"}
    wanted |= {"storage.gb": 100} if setting.path == "storage.gb" else {}
    change = settings.build_modify_request({setting.path: {"found": [], "wanted": wanted[setting.path]}}, wanted, {})
    assert set(change) <= operation_members("ModifyDBInstance")


def operation_members(operation):
    model = botocore.session.get_session().get_service_model("rds")
    return set(model.operation_model(operation).input_shape.members)


def test_a_waiting_reboot_is_seen():
    assert settings.is_reboot_pending({"DBParameterGroups": [{"ParameterApplyStatus": "pending-reboot"}]})
    assert not settings.is_reboot_pending(INSTANCE)
