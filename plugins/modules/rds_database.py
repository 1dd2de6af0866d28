#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_database
version_added: 1.0.0
short_description: Manage one RDS instance, whichever way its data comes
description:
  - Creates a database instance empty, from a snapshot, or as a replica of another region, and keeps its settings.
  - A restore and a replica take only part of the settings. What they cannot take (monitoring, storage autoscaling, log
    exports and more) is brought by a modification as soon as the instance is available, in the same task.
  - An instance that exists is never made again and its data source is never changed, whatever O(source) says. RV(role)
    tells what it is. Only settings that are given are compared; what is omitted stays as it is.
  - An instance in the making, from an earlier run, is joined.
  - Nothing is upgraded by the way. A version that differs is refused unless O(engine_version_change=true).
  - Operations used are C(rds:DescribeDBInstances), C(rds:DescribeDBSnapshots), C(rds:CreateDBInstance),
    C(rds:RestoreDBInstanceFromDBSnapshot), C(rds:CreateDBInstanceReadReplica), C(rds:ModifyDBInstance),
    C(rds:RebootDBInstance), C(rds:DeleteDBInstance), C(rds:AddTagsToResource), C(rds:RemoveTagsFromResource),
    C(kms:DescribeKey), C(secretsmanager:DescribeSecret) and C(secretsmanager:GetSecretValue), with the IAM permissions
    of the same names; an encrypted instance also needs C(kms:CreateGrant), monitoring needs C(iam:PassRole).
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - Whether the instance is to be there.
      - With V(absent) the task ends when RDS answers that there is no such instance.
    type: str
    choices: [present, absent]
    default: present
  db_instance_identifier:
    description:
      - Identifier of the instance.
    type: str
    required: true
    aliases: [id]
  source:
    description:
      - Where the data of an instance that is to be created comes from.
    type: dict
    default: {"type": "fresh"}
    suboptions:
      type:
        description:
          - V(fresh) is an empty database, V(snapshot) a restore, V(replica) a read replica.
        type: str
        choices: [fresh, snapshot, replica]
        default: fresh
      snapshot_id:
        description:
          - Snapshot in the module's region. It must be encrypted with O(kms_key_id) if that is given.
        type: str
      replica_of_arn:
        description:
          - ARN of the instance to replicate. It must have automated backups.
        type: str
      source_region:
        description:
          - Region of that instance, if it is not to be taken from its ARN.
        type: str
  engine:
    description:
      - Database engine.
    type: str
    default: postgres
  engine_version:
    description:
      - Engine version. A major version alone is met by each of its minor versions.
    type: str
  engine_version_change:
    description:
      - Whether the version of an existing instance may be changed.
    type: bool
    default: false
  db_instance_class:
    description:
      - Instance class, for example V(db.r6g.large). Required to create an instance.
    type: str
    aliases: [class]
  storage:
    description:
      - Storage of the instance.
    type: dict
    suboptions:
      type:
        description: Storage type, for example V(gp3).
        type: str
      gb:
        description: Size in GB. An instance or a source that has grown beyond it keeps its size.
        type: int
      max_gb:
        description: Size in GB up to which RDS may let it grow.
        type: int
      iops:
        description: Provisioned I/O operations a second.
        type: int
      throughput:
        description: Throughput in MB a second.
        type: int
  multi_az:
    description:
      - Whether a standby is kept in a second availability zone.
    type: bool
  kms_key_id:
    description:
      - ARN, identifier or alias of the key in the module's region. It cannot be changed later.
      - Required for a replica of an encrypted instance in another region.
    type: str
  subnet_group:
    description:
      - DB subnet group. It is not changed later.
    type: str
  parameter_group:
    description:
      - DB parameter group.
    type: str
  security_group_ids:
    description:
      - VPC security groups; the order does not count.
    type: list
    elements: str
  port:
    description:
      - Port of a new instance.
    type: int
  backup:
    description:
      - Automated backups.
    type: dict
    suboptions:
      retention_days:
        description: Days for which backups are kept. With 0 there are none, and no replica can be made.
        type: int
      window:
        description: Daily window in UTC, for example V(03:00-04:00).
        type: str
  maintenance_window:
    description:
      - Weekly window in UTC, for example V(sun:04:30-sun:05:30).
    type: str
  monitoring:
    description:
      - Enhanced monitoring.
    type: dict
    suboptions:
      interval_s:
        description: Seconds between two samples; 0 switches it off.
        type: int
        choices: [0, 1, 5, 10, 15, 30, 60]
      role_arn:
        description: ARN of the role that writes the samples.
        type: str
  performance_insights:
    description:
      - Whether Performance Insights is on.
    type: bool
  log_exports:
    description:
      - Logs that go to CloudWatch Logs, for example V(postgresql); exactly these.
    type: list
    elements: str
  deletion_protection:
    description:
      - Whether the instance is protected from deletion.
      - To delete a protected instance, O(state=absent) must be given together with V(false).
    type: bool
  publicly_accessible:
    description:
      - Whether the instance has a public address. A new one has none unless asked for.
    type: bool
  auto_minor_version_upgrade:
    description:
      - Whether RDS upgrades minor versions by itself.
    type: bool
  copy_tags_to_snapshot:
    description:
      - Whether snapshots take the tags of the instance.
    type: bool
  allow_reboot:
    description:
      - Whether to reboot an instance whose parameter group waits for it (RV(pending_reboot)).
    type: bool
    default: false
  database_name:
    description:
      - Database to create in a fresh instance. A restore or replica has the databases of its source.
    type: str
  master:
    description:
      - The master user. Its name counts for a fresh instance only.
    type: dict
    suboptions:
      user:
        description: Name of the master user.
        type: str
      password:
        description: Password of the master user. Prefer O(master.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the secret in Secrets Manager that holds the password, as plain text or as JSON with the key
            C(password). It is read by the module and never leaves it.
        type: str
      set_password:
        description:
          - Whether an existing instance gets this password, which a restored one needs.
          - With O(master.password_secret) it is set once for each version of the secret, remembered by a tag of the
            instance; with O(master.password) each run sets it.
          - A replica has the passwords of its source and is left alone.
        type: bool
        default: false
  final_snapshot_identifier:
    description:
      - Name of the snapshot that O(state=absent) leaves behind. There must be none of that name.
    type: str
  skip_final_snapshot:
    description:
      - To delete without a last snapshot, the identifier of the instance, typed again. The data is lost.
      - A replica takes no final snapshot.
    type: str
  delete_automated_backups:
    description:
      - Whether deletion takes the automated backups along.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
notes:
  - Tags whose key begins with C(medzen:) belong to this collection and are not purged.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: A source or key that is not there is reported, because an earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
    details: Except for O(master.set_password=true) with O(master.password), which cannot be compared.
"""

EXAMPLES = r"""
- name: Create the standby as a replica of production
  medzen.multiregion.rds_database:
    region: eu-central-1
    db_instance_identifier: medzen-ehrbase-db-eu-central-1
    source:
      type: replica
      replica_of_arn: arn:aws:rds:af-south-1:123456789012:db:medzen-ehrbase-db-af-south-1
    db_instance_class: db.r6g.large
    multi_az: true
    storage: {type: gp3, gb: 100, max_gb: 500}
    kms_key_id: alias/medzen-ehrbase-eu-central-1
    subnet_group: medzen-ehrbase-subnets-eu-central-1
    parameter_group: medzen-ehrbase-pg-eu-central-1
    security_group_ids: [sg-0123456789abcdef0]
    backup: {retention_days: 7, window: "03:00-04:00"}
    monitoring: {interval_s: 60, role_arn: "arn:aws:iam::123456789012:role/medzen-rds-monitoring-role"}
    log_exports: [postgresql]
    deletion_protection: true
    wait_timeout: 7200

- name: Start a restore now and join it later
  medzen.multiregion.rds_database:
    region: eu-central-1
    db_instance_identifier: medzen-ehrbase-db-eu-central-1
    source: {type: snapshot, snapshot_id: medzen-ehrbase-move-20261121t0800}
    db_instance_class: db.r6g.large
    subnet_group: medzen-ehrbase-subnets-eu-central-1
    wait: false

- name: Delete the database of the retired region
  medzen.multiregion.rds_database:
    region: af-south-1
    db_instance_identifier: medzen-ehrbase-db-af-south-1
    state: absent
    deletion_protection: false
    final_snapshot_identifier: medzen-ehrbase-db-af-south-1-final-20261128
"""

RETURN = r"""
instance:
  description: The instance as RDS describes it, in snake_case.
  type: dict
  returned: when it exists
  sample:
    db_instance_arn: arn:aws:rds:eu-central-1:123456789012:db:medzen-ehrbase-db-eu-central-1
    db_instance_identifier: medzen-ehrbase-db-eu-central-1
    db_instance_status: available
    multi_az: true
endpoint:
  description: Where to connect; without members while the instance has no address.
  type: dict
  returned: when O(state=present)
  sample: {"address": "medzen-ehrbase-db-eu-central-1.c9.eu-central-1.rds.amazonaws.com", "port": 5432}
role:
  description: V(primary) or V(replica); V(absent) when there is no instance.
  type: str
  returned: always
created:
  description: Whether this task created the instance.
  type: bool
  returned: when O(state=present)
joined:
  description: Whether the instance was busy with something started earlier when the task began.
  type: bool
  returned: when O(state=present)
converged:
  description:
    - Whether the instance is at rest and has all settings given.
    - V(false) only with O(wait=false) or in check mode.
  type: bool
  returned: when O(state=present)
drift:
  description: Settings that were not as wanted, by option, with V(found) and V(wanted).
  type: dict
  returned: when O(state=present)
  sample: {"backup.retention_days": {"found": 0, "wanted": 7}}
pending_reboot:
  description: Whether parameters wait for a reboot.
  type: bool
  returned: when O(state=present)
source_exists:
  description: Whether the snapshot or instance to create from is there. V(false) only in check mode.
  type: bool
  returned: when an instance is to be created
key_exists:
  description: Whether the key is there. V(false) only in check mode.
  type: bool
  returned: when an instance is to be created
final_snapshot:
  description: The snapshot that deletion left, in snake_case.
  type: dict
  returned: when O(state=absent) and it was waited for
"""

from dataclasses import dataclass

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import rds_plan as plan
from ansible_collections.medzen.multiregion.plugins.module_utils import rds_settings as settings
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import (
    TimeLeft,
    state_text,
    wait_arguments,
    wait_until,
)

OPERATIONS = {
    "fresh": "CreateDBInstance",
    "snapshot": "RestoreDBInstanceFromDBSnapshot",
    "replica": "CreateDBInstanceReadReplica",
}
ALREADY_EXISTS = "DBInstanceAlreadyExists"
# The states in which RDS takes a modification.
AT_REST = ("available", "storage-optimization")
# A setting that is still missing after so many looks at an instance at rest was not taken.
LOOKS_MAX = 20


@dataclass(frozen=True)
class Task:
    """What the functions below share: the module, its client, its limit, and what is wanted."""

    module: object
    connection: object
    left: TimeLeft
    wanted: dict

    @property
    def params(self):
        return self.module.params

    @property
    def name(self):
        return self.module.params["db_instance_identifier"]


# --- calls -----------------------------------------------------------------------------------------------------------


@describe("create database {name}")
def create_instance(connection, name, method, request):
    return getattr(connection, method)(DBInstanceIdentifier=name, **request, aws_retry=True)["DBInstance"]


@describe("modify database {name}")
def modify_instance(connection, name, request):
    request = {"DBInstanceIdentifier": name, "ApplyImmediately": True, **request}
    return connection.modify_db_instance(**request, aws_retry=True)["DBInstance"]


@describe("reboot database {name}")
def reboot_instance(connection, name):
    return connection.reboot_db_instance(DBInstanceIdentifier=name, aws_retry=True)["DBInstance"]


@describe("describe secret {name}", missing=("ResourceNotFoundException",))
def describe_secret(secrets, name):
    return secrets.describe_secret(SecretId=name, aws_retry=True)


@describe("read secret {name}")
def read_secret(secrets, name):
    return secrets.get_secret_value(SecretId=name, aws_retry=True)


# --- create ----------------------------------------------------------------------------------------------------------


def find_key(task):
    """The key, or None where none is given or, in check mode, where an earlier step has to make it."""
    name = task.params["kms_key_id"]
    if not name:
        return None
    key = describe_key(client(task.module, "kms"), name)
    if key is None and task.module.check_mode:
        return None
    plan.check_key(key, name, task.module.region)
    return key["Arn"]


def find_source(task):
    """The snapshot or instance to create from; None for a fresh one, or for one that is not there."""
    source = task.params["source"]
    if source["type"] == "snapshot":
        return rds.describe_snapshot(task.connection, source["snapshot_id"])
    if source["type"] == "replica":
        region = source["source_region"] or source["replica_of_arn"].split(":")[3]
        return rds.describe_instance(client(task.module, "rds", region), source["replica_of_arn"])
    return None


def check_source(task, source, key_arn):
    if task.params["source"]["type"] == "snapshot":
        plan.check_snapshot_source(source, task.params, key_arn)
    elif task.params["source"]["type"] == "replica":
        plan.check_replica_source(source, task.params, key_arn, task.module.region)


def wait_for_source(task, source):
    """The source at rest: RDS would refuse to create from a snapshot in the making or an instance that is busy."""
    kind, poll = task.params["source"]["type"], task.params["poll_seconds"]
    if not task.params["wait"]:
        return source
    if kind == "snapshot" and not rds.is_snapshot_available(source):
        name = task.params["source"]["snapshot_id"]
        return rds.wait_snapshot(task.connection, name, timeout_s=task.left.seconds(), poll_seconds=poll)
    if kind == "replica" and rds.status(source) not in AT_REST:
        arn = task.params["source"]["replica_of_arn"]
        region = task.params["source"]["source_region"] or arn.split(":")[3]
        return rds.wait_instance(
            client(task.module, "rds", region),
            arn,
            lambda instance: rds.status(instance) in AT_REST,
            what=f"source {arn} to be at rest",
            timeout_s=task.left.seconds(),
            poll_seconds=poll,
        )
    return source


def read_password(task):
    """The password given, with the version of the secret it comes from."""
    master = task.params["master"] or {}
    if not master.get("password_secret"):
        return master.get("password"), None
    answer = read_secret(client(task.module, "secretsmanager"), master["password_secret"])
    return plan.parse_password(answer["SecretString"]), answer["VersionId"]


def add_password(task, request):
    """A fresh instance gets its password at once, and remembers which one."""
    password, version = read_password(task)
    if not password:
        raise Refused(
            f"Database {task.name} cannot be created without a master password",
            expected="master.password_secret or master.password",
            next_step="name the secret that holds it",
        )
    tags = {**(task.params["tags"] or {}), **({plan.PASSWORD_VERSION_TAG: version} if version else {})}
    return {**request, "MasterUserPassword": password, "Tags": tagging.to_boto(tags)}


def accepted_parameters(connection, operation):
    return connection.meta.service_model.operation_model(operation).input_shape.members.keys()


def create(task, key_arn, source):
    """Ask for the instance. An answer that was lost shows as "already exists": then it is the one asked for."""
    operation = OPERATIONS[task.params["source"]["type"]]
    wanted = settings.beyond_source(task.wanted, wait_for_source(task, source))
    request = plan.build_create_request(task.params, wanted, key_arn, accepted_parameters(task.connection, operation))
    if task.params["source"]["type"] == "fresh":
        request = add_password(task, request)
    method = {
        "CreateDBInstance": "create_db_instance",
        "RestoreDBInstanceFromDBSnapshot": "restore_db_instance_from_db_snapshot",
        "CreateDBInstanceReadReplica": "create_db_instance_read_replica",
    }[operation]
    try:
        create_instance(task.connection, task.name, method, request)
    except AwsError as error:
        if error.code != ALREADY_EXISTS:
            raise


def check_creation_options(params):
    if not params["db_instance_class"]:
        raise Refused(
            f"Database {params['db_instance_identifier']} is to be created and has no class",
            expected="db_instance_class",
            next_step="name the instance class",
        )


def ensure_created(task, key_arn):
    check_creation_options(task.params)
    kind = task.params["source"]["type"]
    source = find_source(task)
    planned = task.module.check_mode and source is None and kind != "fresh"
    key_planned = task.module.check_mode and key_arn is None and bool(task.params["kms_key_id"])
    if not planned and not key_planned:
        check_source(task, source, key_arn)
    wanted = settings.beyond_source(task.wanted, source)
    after = {**wanted, "source": task.params["source"], "tags": task.params["tags"] or {}}
    result = {
        "changed": True,
        "created": True,
        "joined": False,
        "converged": False,
        "role": "replica" if kind == "replica" else "primary",
        "drift": {},
        "pending_reboot": False,
        "endpoint": {},
        "source_exists": kind == "fresh" or source is not None,
        "key_exists": key_arn is not None or not task.params["kms_key_id"],
        "diff": plan.build_diff(task.name, None, after),
    }
    if task.module.check_mode:
        return result
    create(task, key_arn, source)
    instance = rds.describe_instance(task.connection, task.name)
    if task.params["wait"]:
        settled = converge(task, wait_at_rest(task), key_arn)
        return {**settled, **{key: result[key] for key in ("changed", "created", "joined", "diff")}}
    return {**result, **describe_result(instance)}


# --- converge --------------------------------------------------------------------------------------------------------


def wait_at_rest(task):
    return rds.wait_instance(
        task.connection,
        task.name,
        lambda instance: rds.status(instance) in AT_REST,
        timeout_s=task.left.seconds(),
        poll_seconds=task.params["poll_seconds"],
    )


def find_password_version(task, instance):
    """Version of the secret to set the password from; None when there is nothing to set.

    A password given as text cannot be compared: its version is the empty string, and it is always set.
    """
    master = task.params["master"] or {}
    if not master.get("set_password") or rds.is_replica(instance):
        return None
    if not master.get("password_secret"):
        return "" if master.get("password") else None
    version = plan.current_version(describe_secret(client(task.module, "secretsmanager"), master["password_secret"]))
    known = tagging.from_boto(instance.get("TagList")).get(plan.PASSWORD_VERSION_TAG)
    return version if version != known else None


def start_modification(task, request):
    """Ask for the modification; None while the instance is busy (a backup may begin at any moment)."""
    try:
        return modify_instance(task.connection, task.name, request)
    except AwsError as error:
        if error.code in rds.BUSY and task.params["wait"]:
            return None
        raise


def modify(task, request):
    return wait_until(
        lambda: start_modification(task, request),
        lambda instance: instance is not None,
        f"database {task.name} to take a modification",
        task.left.seconds(),
        task.params["poll_seconds"],
        text=lambda instance: "busy" if instance is None else state_text(instance),
    )


def build_settled(wanted):
    """Predicates of a modification's end: at rest with every setting, or at rest for long without."""
    looks = []

    def done(instance):
        return (
            rds.status(instance) in AT_REST
            and not instance.get("PendingModifiedValues")
            and not settings.find_drift(instance, wanted)
        )

    def failed(instance):
        if reason := rds.failure_reason(instance):
            return reason
        if rds.status(instance) not in AT_REST:
            looks.clear()
            return None
        looks.append(instance)
        drift = settings.find_drift(instance, wanted)
        return f"these settings were not taken: {drift}" if drift and len(looks) > LOOKS_MAX else None

    return done, failed


def wait_settled(task):
    done, failed = build_settled(task.wanted)
    return rds.wait_instance(
        task.connection,
        task.name,
        done,
        what=f"modification of database {task.name}",
        timeout_s=task.left.seconds(),
        poll_seconds=task.params["poll_seconds"],
        failed=failed,
    )


def apply_changes(task, instance, drift, password_version):
    """Bring settings, password and tags; the tag that remembers the password comes after the password."""
    request = settings.build_modify_request(drift, task.wanted, instance)
    if "engine_version" in drift:
        request["AllowMajorVersionUpgrade"] = True
    if password_version is not None:
        request["MasterUserPassword"], password_version = read_password(task)
    if request:
        try:
            modify(task, request)
        except AwsError as error:
            # Busy, perhaps with this very change, whose answer was lost: the next run sees what it lacks.
            if error.code not in rds.BUSY:
                raise
            return
        if task.params["wait"]:
            wait_settled(task)
    _present, to_set, to_remove = plan.diff_tags(instance, task.params, password_version)
    rds.converge_tags(task.connection, instance["DBInstanceArn"], to_set, to_remove)


def ensure_rebooted(task, instance):
    """Reboot if parameters wait for it and the caller agreed; whether it did."""
    if not settings.is_reboot_pending(instance) or not task.params["allow_reboot"] or task.module.check_mode:
        return False
    reboot_instance(task.connection, task.name)
    if task.params["wait"]:
        rds.wait_instance(
            task.connection,
            task.name,
            lambda found: rds.status(found) in AT_REST and not settings.is_reboot_pending(found),
            what=f"reboot of database {task.name}",
            timeout_s=task.left.seconds(),
            poll_seconds=task.params["poll_seconds"],
        )
    return True


def describe_result(instance):
    """What is returned of an instance, whatever was done to it."""
    endpoint = (instance or {}).get("Endpoint") or {}
    return {
        "role": plan.role(instance),
        "endpoint": {"address": endpoint.get("Address"), "port": endpoint.get("Port")} if endpoint else {},
        "pending_reboot": settings.is_reboot_pending(instance or {}),
        "instance": snake(instance),
    }


def converge(task, instance, key_arn):
    """Compare an instance at rest with what is wanted and bring the difference."""
    plan.check_fixed(instance, task.params, key_arn)
    drift = settings.find_drift(instance, task.wanted)
    plan.check_version(drift, task.params)
    password_version = find_password_version(task, instance)
    present, to_set, to_remove = plan.diff_tags(instance, task.params)
    changed = bool(drift or to_set or to_remove or password_version is not None)
    rebooting = settings.is_reboot_pending(instance) and task.params["allow_reboot"]
    before = {path: entry["found"] for path, entry in drift.items()}
    after = {path: entry["wanted"] for path, entry in drift.items()}
    if to_set or to_remove:
        before["tags"] = present
        after["tags"] = {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}
    if password_version is not None:
        before["master.password"], after["master.password"] = "as it was", "set from the secret"
    result = {"drift": drift, "diff": plan.build_diff(task.name, before, after), "created": False, "joined": False}
    if task.module.check_mode:
        return {**result, **describe_result(instance), "changed": changed or rebooting, "converged": not changed}
    if changed:
        apply_changes(task, instance, drift, password_version)
        instance = rds.describe_instance(task.connection, task.name)
    rebooted = ensure_rebooted(task, instance)
    if rebooted:
        instance = rds.describe_instance(task.connection, task.name)
    at_rest = rds.status(instance) in AT_REST
    return {**result, **describe_result(instance), "changed": changed or rebooted, "converged": at_rest}


def ensure_converged(task, instance, key_arn):
    plan.check_state(instance, task.name)
    busy = rds.status(instance) not in AT_REST
    if busy and (task.module.check_mode or not task.params["wait"]):
        # RDS takes no modification now, and none is tried: what an earlier run started goes on.
        drift = settings.find_drift(instance, task.wanted)
        result = {"changed": False, "created": False, "joined": True, "converged": False, "drift": drift}
        return {**result, **describe_result(instance), "diff": plan.build_diff(task.name, {}, {})}
    if busy:
        instance = wait_at_rest(task)
    return {**converge(task, instance, key_arn), "joined": busy}


def ensure_present(task):
    instance = rds.describe_instance(task.connection, task.name)
    key_arn = find_key(task)
    if instance is None:
        return ensure_created(task, key_arn)
    return ensure_converged(task, instance, key_arn)


# --- delete ----------------------------------------------------------------------------------------------------------


def check_final_name_free(task):
    final = task.params["final_snapshot_identifier"]
    if final and rds.describe_snapshot(task.connection, final) is not None:
        raise Refused(
            f"There already is a snapshot {final}",
            expected="a name that is free for the final snapshot",
            next_step="choose another final_snapshot_identifier",
        )


def lift_protection(task, instance):
    if instance.get("DeletionProtection"):
        modify(task, {"DeletionProtection": False})


def wait_gone(task):
    rds.wait_instance(
        task.connection,
        task.name,
        lambda instance: instance is None,
        what=f"database {task.name} to be gone",
        timeout_s=task.left.seconds(),
        poll_seconds=task.params["poll_seconds"],
        failed=lambda instance: None,
    )


def finish_deletion(task, result):
    if not task.params["wait"]:
        return result
    wait_gone(task)
    final = task.params["final_snapshot_identifier"]
    if not final:
        return {**result, "role": "absent"}
    snapshot = rds.wait_snapshot(
        task.connection, final, timeout_s=task.left.seconds(), poll_seconds=task.params["poll_seconds"]
    )
    return {**result, "role": "absent", "final_snapshot": snake(snapshot)}


def ensure_absent(task):
    instance = rds.describe_instance(task.connection, task.name)
    if instance is None:
        return {"changed": False, "role": "absent", "diff": plan.build_diff(task.name, None, None)}
    result = {"changed": True, "role": plan.role(instance), "instance": snake(instance)}
    if rds.status(instance) == "deleting":
        result.update(changed=False, diff=plan.build_diff(task.name, {"status": "deleting"}, None))
        return result if task.module.check_mode else finish_deletion(task, result)
    plan.check_deletable(instance, task.params)
    request = plan.build_delete_request(instance, task.params)
    check_final_name_free(task)
    result["diff"] = plan.build_diff(task.name, {"status": rds.status(instance)}, None)
    if task.module.check_mode:
        return result
    if task.params["wait"] and rds.status(instance) not in (*AT_REST, *rds.BROKEN_STATES):
        wait_at_rest(task)
    lift_protection(task, instance)
    rds.delete(task.connection, task.name, request)
    return finish_deletion(task, result)


# --- main ------------------------------------------------------------------------------------------------------------


def ensure(module):
    task = Task(
        module=module,
        connection=client(module, "rds"),
        left=TimeLeft(module.params["wait_timeout"]),
        wanted=settings.wanted_settings(module.params),
    )
    return ensure_present(task) if module.params["state"] == "present" else ensure_absent(task)


SOURCE_SPEC = {
    "type": "dict",
    "default": {"type": "fresh"},
    "options": {
        "type": {"choices": ["fresh", "snapshot", "replica"], "default": "fresh"},
        "snapshot_id": {},
        "replica_of_arn": {},
        "source_region": {},
    },
    "required_if": [("type", "snapshot", ["snapshot_id"]), ("type", "replica", ["replica_of_arn"])],
}
MASTER_SPEC = {
    "type": "dict",
    "options": {
        "user": {},
        "password": {"no_log": True},
        # A name, no secret: it may be shown.
        "password_secret": {"no_log": False},
        "set_password": {"type": "bool", "default": False, "no_log": False},
    },
    "mutually_exclusive": [("password", "password_secret")],
}


def build_argument_spec():
    number, flag, names = {"type": "int"}, {"type": "bool"}, {"type": "list", "elements": "str"}
    return {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "db_instance_identifier": {"required": True, "aliases": ["id"]},
        "source": SOURCE_SPEC,
        "engine": {"default": "postgres"},
        "engine_version": {},
        "engine_version_change": {"type": "bool", "default": False},
        "db_instance_class": {"aliases": ["class"]},
        "storage": {
            "type": "dict",
            "options": {"type": {}, "gb": number, "max_gb": number, "iops": number, "throughput": number},
        },
        "multi_az": flag,
        "kms_key_id": {},
        "subnet_group": {},
        "parameter_group": {},
        "security_group_ids": names,
        "port": number,
        "backup": {"type": "dict", "options": {"retention_days": number, "window": {}}},
        "maintenance_window": {},
        "monitoring": {
            "type": "dict",
            "options": {"interval_s": {"type": "int", "choices": [0, 1, 5, 10, 15, 30, 60]}, "role_arn": {}},
        },
        "performance_insights": flag,
        "log_exports": names,
        "deletion_protection": flag,
        "publicly_accessible": flag,
        "auto_minor_version_upgrade": flag,
        "copy_tags_to_snapshot": flag,
        "allow_reboot": {"type": "bool", "default": False},
        "database_name": {},
        "master": MASTER_SPEC,
        "final_snapshot_identifier": {},
        "skip_final_snapshot": {},
        "delete_automated_backups": {"type": "bool", "default": True},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }


def main():
    module = AnsibleAWSModule(argument_spec=build_argument_spec(), supports_check_mode=True)
    run(module, ensure)


if __name__ == "__main__":
    main()
