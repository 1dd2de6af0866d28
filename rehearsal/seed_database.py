# SPDX-License-Identifier: GPL-3.0-or-later
"""Key, secrets and database of one region of the world before."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from rehearsal.canary import make_secret
from rehearsal.seed_aws import Place, tag_list, wait_for
from rehearsal.seed_network import Network

ADMIN_PASSWORD, USER_PASSWORD, BASIC_AUTH = SECRET_NAMES = (
    "db_admin_password",
    "db_user_password",
    "ehrbase_basic_auth",
)


class DatabaseBuilder:
    """Starts the database of a region, and prepares it for EHRbase when it is there."""

    def __init__(self, place: Place) -> None:
        self._place, self._plan = place, place.estate["database"]
        self.identifier = place.name("db")
        self.key = ""
        self.endpoint = ""
        self.secret_arns: dict[str, str] = {}
        self._passwords = {name: make_secret() for name in SECRET_NAMES}

    def start(self, network: Network) -> None:
        """Key, secrets, groups, and the instance without waiting for it."""
        self._build_key()
        self._build_secrets()
        self._build_groups(network)
        self._place.client("rds").create_db_instance(**self._build_request(network))

    def _build_key(self) -> None:
        kms = self._place.client("kms")
        alias = f"{self._place.estate['workload']}-{self._place.region}"
        tags = tag_list(self._place.tags, "TagKey", "TagValue")
        self.key = kms.create_key(Description=alias, Tags=tags)["KeyMetadata"]["Arn"]
        kms.enable_key_rotation(KeyId=self.key)
        kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=self.key)

    def _build_secrets(self) -> None:
        client, prefix = self._place.client("secretsmanager"), f"{self._place.region}/{self._place.estate['workload']}"
        for name, password in self._passwords.items():
            made = client.create_secret(
                Name=f"{prefix}/{name}", SecretString=password, KmsKeyId=self.key, Tags=tag_list(self._place.tags)
            )
            self.secret_arns[name] = made["ARN"]

    def _build_groups(self, network: Network) -> None:
        rds, tags = self._place.client("rds"), tag_list(self._place.tags)
        subnets, parameters = self._place.name("subnets"), self._place.name("pg")
        rds.create_db_subnet_group(
            DBSubnetGroupName=subnets, DBSubnetGroupDescription=subnets, SubnetIds=network.private, Tags=tags
        )
        rds.create_db_parameter_group(
            DBParameterGroupName=parameters,
            DBParameterGroupFamily=self._plan["family"],
            Description=parameters,
            Tags=tags,
        )
        settings = [
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in (self._plan["parameters"] | self._place.plan.get("parameters", {})).items()
        ]
        rds.modify_db_parameter_group(DBParameterGroupName=parameters, Parameters=settings)

    def _build_request(self, network: Network) -> dict[str, Any]:
        plan, place = self._plan, self._place
        return {
            "DBInstanceIdentifier": self.identifier,
            "DBInstanceClass": plan["class"],
            "Engine": "postgres",
            "EngineVersion": plan["engine_version"],
            "DBName": plan["name"],
            "MasterUsername": plan["admin_user"],
            "MasterUserPassword": self._passwords[ADMIN_PASSWORD],
            "AllocatedStorage": plan["storage_gb"],
            "StorageType": "gp3",
            "StorageEncrypted": True,
            "KmsKeyId": self.key,
            "MultiAZ": place.plan["multi_az"],
            "DBSubnetGroupName": place.name("subnets"),
            "DBParameterGroupName": place.name("pg"),
            "VpcSecurityGroupIds": [network.groups["rds"]],
            "BackupRetentionPeriod": plan["backup_retention_days"],
            "PreferredBackupWindow": plan["backup_window"],
            "PreferredMaintenanceWindow": plan["maintenance_window"],
            "MonitoringInterval": plan["monitoring_interval_s"],
            "MonitoringRoleArn": place.role_arn(plan["monitoring_role"]),
            "EnableCloudwatchLogsExports": ["postgresql"],
            "DeletionProtection": True,
            "PubliclyAccessible": False,
            "CopyTagsToSnapshot": True,
            "Tags": tag_list(place.tags),
        }

    def prepare(self) -> None:
        """Wait for the instance; then the role and the settings that EHRbase expects. It makes its tables by itself."""
        wait_for(self.identifier, lambda: self._describe()["DBInstanceStatus"], "available")
        endpoint = self._describe()["Endpoint"]
        self.endpoint = f"{endpoint['Address']}:{endpoint['Port']}"
        login = {
            "host": self._place.aws.find_address(endpoint["Address"]),
            "port": endpoint["Port"],
            "dbname": self._plan["name"],
            "user": self._plan["admin_user"],
            "password": self._passwords[ADMIN_PASSWORD],
        }
        with psycopg.connect(**login, autocommit=True) as connection:
            self._prepare(connection)

    def _describe(self) -> dict[str, Any]:
        rds = self._place.client("rds")
        return rds.describe_db_instances(DBInstanceIdentifier=self.identifier)["DBInstances"][0]

    def _prepare(self, connection: psycopg.Connection) -> None:
        role, database = sql.Identifier(self._plan["application_user"]), sql.Identifier(self._plan["name"])
        password = sql.Literal(self._passwords[USER_PASSWORD])
        statements = (
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password),
            sql.SQL("CREATE SCHEMA IF NOT EXISTS ehr"),
            sql.SQL("CREATE SCHEMA IF NOT EXISTS ext"),
            sql.SQL("ALTER DATABASE {} SET search_path TO ext").format(database),
            sql.SQL("ALTER DATABASE {} SET intervalstyle = 'iso_8601'").format(database),
        )
        for statement in statements:
            connection.execute(statement)
