# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDS offers: engine versions, instance classes, regions that replicate. PostgreSQL only."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call

ENGINE = "postgres"
# Minor versions by major, oldest first; the list of a real region moves on, the names that the estate uses are in it.
VERSIONS: dict[int, tuple[str, ...]] = {
    15: ("15.10", "15.12", "15.13", "15.14", "15.15"),
    16: ("16.6", "16.8", "16.9", "16.10", "16.11"),
    17: ("17.2", "17.4", "17.5", "17.6", "17.7"),
    18: ("18.1",),
}
DEFAULT_VERSION = "16.11"
CLASSES = tuple(
    f"db.{family}.{size}"
    for family, sizes in {
        "t3": ("micro", "small", "medium", "large", "xlarge", "2xlarge"),
        "t4g": ("micro", "small", "medium", "large", "xlarge", "2xlarge"),
        "m5": ("large", "xlarge", "2xlarge", "4xlarge"),
        "m6g": ("large", "xlarge", "2xlarge", "4xlarge"),
        "r5": ("large", "xlarge", "2xlarge", "4xlarge"),
        "r6g": ("large", "xlarge", "2xlarge", "4xlarge"),
    }.items()
    for size in sizes
)
STORAGE_TYPES = ("gp2", "gp3", "io1", "io2")
LOG_TYPES = ("postgresql", "upgrade", "iam-db-auth-error")


def all_versions() -> list[str]:
    return [version for versions in VERSIONS.values() for version in versions]


def resolve_version(wanted: str | None) -> str:
    """The full version for what a call asks for; a major alone means its newest minor."""
    if not wanted:
        return DEFAULT_VERSION
    if wanted.isdigit() and int(wanted) in VERSIONS:
        return VERSIONS[int(wanted)][-1]
    if wanted not in all_versions():
        raise ApiError("InvalidParameterCombination", f"Cannot find version {wanted} for {ENGINE}")
    return wanted


def family(version: str) -> str:
    return f"{ENGINE}{version.split('.')[0]}"


def upgrade_targets(version: str) -> list[str]:
    versions = all_versions()
    return versions[versions.index(version) + 1 :]


def describe_engine_versions(call: Call) -> dict[str, Any]:
    """DescribeDBEngineVersions for postgres; other engines have none here."""
    wanted = call.get("EngineVersion")
    chosen = [version for version in all_versions() if wanted in (None, version, version.split(".")[0])]
    if call.get("DBParameterGroupFamily"):
        chosen = [version for version in chosen if family(version) == call.get("DBParameterGroupFamily")]
    if call.get("DefaultOnly"):
        chosen = [version for version in chosen if version == resolve_version(wanted)][-1:]
    if call.get("Engine", ENGINE) != ENGINE:
        chosen = []
    return {"DBEngineVersions": [_describe_version(version) for version in chosen]}


def _describe_version(version: str) -> dict[str, Any]:
    targets = [_describe_target(version, target) for target in upgrade_targets(version)]
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "MajorEngineVersion": version.split(".")[0],
        "DBParameterGroupFamily": family(version),
        "DBEngineDescription": "PostgreSQL",
        "DBEngineVersionDescription": f"PostgreSQL {version}",
        "ValidUpgradeTarget": targets,
        "ExportableLogTypes": list(LOG_TYPES),
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": True,
        "SupportedFeatureNames": [],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": False,
        "SupportedCACertificateIdentifiers": ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"],
    }


def _describe_target(version: str, target: str) -> dict[str, Any]:
    return {
        "Engine": ENGINE,
        "EngineVersion": target,
        "Description": f"PostgreSQL {target}",
        "AutoUpgrade": False,
        "IsMajorVersionUpgrade": target.split(".")[0] != version.split(".")[0],
    }


def describe_orderable_options(call: Call) -> dict[str, Any]:
    """DescribeOrderableDBInstanceOptions: every class with every storage type, in three zones."""
    versions = [version for version in all_versions() if call.get("EngineVersion") in (None, version)]
    classes = [name for name in CLASSES if call.get("DBInstanceClass") in (None, name)]
    if call.get("Engine") != ENGINE or call.get("Vpc") is False:
        versions = []
    found = [
        _describe_option(call.region, version, name, storage)
        for version in versions
        for name in classes
        for storage in STORAGE_TYPES
    ]
    return {"OrderableDBInstanceOptions": found}


def _describe_option(region: str, version: str, name: str, storage: str) -> dict[str, Any]:
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": [{"Name": f"{region}{letter}"} for letter in "abc"],
        "MultiAZCapable": True,
        "ReadReplicaCapable": True,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": storage,
        "SupportsIops": storage != "gp2",
        "SupportsStorageThroughput": storage == "gp3",
        "SupportsStorageAutoscaling": True,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "MinStorageSize": 20,
        "MaxStorageSize": 65536,
        "SupportedNetworkTypes": ["IPV4"],
    }


def describe_source_regions(call: Call, regions: list[str]) -> dict[str, Any]:
    """DescribeSourceRegions: from where this region can take snapshots and replicas."""
    wanted = call.get("RegionName")
    rows = [
        {
            "RegionName": region,
            "Endpoint": f"https://rds.{region}.amazonaws.com",
            "Status": "available",
            "SupportsDBInstanceAutomatedBackupsReplication": True,
        }
        for region in regions
        if region != call.region and wanted in (None, region)
    ]
    return {"SourceRegions": rows}
