# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.rds import catalog

HOME = "eu-west-1"


def test_a_major_version_means_its_newest_minor():
    assert catalog.resolve_version("16") == "16.11"


def test_no_version_means_the_default():
    assert catalog.resolve_version(None) == catalog.DEFAULT_VERSION


def test_an_unknown_version_is_refused():
    with pytest.raises(ApiError, match="Cannot find version 16.1"):
        catalog.resolve_version("16.1")


def test_an_upgrade_goes_only_forward():
    assert "16.10" not in catalog.upgrade_targets("16.11")
    assert "17.7" in catalog.upgrade_targets("16.11")


def test_the_estates_version_is_offered(client, rds):
    found = client("rds", HOME).describe_db_engine_versions(Engine="postgres", EngineVersion="16.11")
    assert [row["DBParameterGroupFamily"] for row in found["DBEngineVersions"]] == ["postgres16"]


def test_other_engines_have_no_versions(client, rds):
    assert client("rds", HOME).describe_db_engine_versions(Engine="mysql")["DBEngineVersions"] == []


def test_the_estates_class_is_orderable_with_gp3(client, rds):
    found = client("rds", HOME).describe_orderable_db_instance_options(
        Engine="postgres", EngineVersion="16.11", DBInstanceClass="db.r6g.large"
    )["OrderableDBInstanceOptions"]
    assert "gp3" in {row["StorageType"] for row in found}


def test_a_region_is_no_source_of_itself(client, rds):
    names = {row["RegionName"] for row in client("rds", HOME).describe_source_regions()["SourceRegions"]}
    assert "af-south-1" in names
    assert HOME not in names


@pytest.mark.parametrize("operation", ["restore_db_instance_to_point_in_time"])
def test_what_has_no_data_plane_is_refused_by_name(client, rds, refused, operation):
    with refused("NotImplemented"):
        getattr(client("rds", HOME), operation)(TargetDBInstanceIdentifier="x")
