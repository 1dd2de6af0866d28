#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: database_switchover
version_added: 1.0.0
short_description: Move production from one database to another without losing a write
description:
  - Fences the source, proves the fence, waits until the target has replayed everything, compares both, promotes the
    target, lifts the fence there, writes a test row and takes it back, and changes the DNS records in one batch.
    All of it happens in one process over connections that are open before, because writes are refused meanwhile.
  - At every moment at most one side accepts writes.
  - A failure before the promotion lifts the source's fence by itself. A failure after it leaves the source fenced and
    says how to go on. A run that was killed is joined by the next one.
  - A run that finds everything switched changes nothing.
  - With O(state=reopened) nothing is switched. A fence that an ended run left on the source is lifted, as long as the
    target was neither promoted nor opened behind it.
  - Nothing is decided on a missing value. A lag, an identity or a state that cannot be read refuses the switchover
    before the fence.
  - Operations used are C(rds:DescribeDBInstances), C(rds:PromoteReadReplica),
    C(route53:ListHostedZonesByName), C(route53:GetHostedZone), C(route53:ListResourceRecordSets),
    C(route53:ChangeResourceRecordSets), C(route53:GetChange) and C(secretsmanager:GetSecretValue), with the IAM
    permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - V(switched) moves production to the target.
      - V(reopened) takes back what an ended run began. The source accepts writes again when it was fenced, and the
        target is a replica as before, a fenced copy that follows by logical replication, or no more. Otherwise the
        fence stays, and RV(advice) says why. A copy of a snapshot is never left behind in this way.
    type: str
    choices: [switched, reopened]
    default: switched
  source:
    description:
      - The database that serves production.
    type: dict
    required: true
    suboptions: &side
      db_instance_identifier:
        description:
          - The RDS instance.
        type: str
        required: true
      region:
        description:
          - Its region. Without it the module's own.
        type: str
      login:
        description:
          - Where the database is and who logs in.
        type: dict
        required: true
        suboptions:
          host:
            description:
              - Name or address of the server. Without it the instance's endpoint, as RDS tells it.
            type: str
          port:
            description:
              - Port of the server.
            type: int
            default: 5432
          database:
            description:
              - Name of the database.
            type: str
            default: ehrbase
          user:
            description:
              - Role to log in as. The owner of the tables; no superuser is needed.
            type: str
            required: true
          password:
            description:
              - Password of the role. Prefer C(password_secret).
            type: str
          password_secret:
            description:
              - Name or ARN of the Secrets Manager secret whose whole value is the password.
            type: str
          region:
            description:
              - Region of the secret. Without it the instance's region.
            type: str
          sslmode:
            description:
              - How TLS is used, as libpq defines it.
            type: str
            choices: [disable, allow, prefer, require, verify-ca, verify-full]
            default: prefer
          ca_path:
            description:
              - File with the certificates of the authorities that may have signed the server's.
            type: path
  target:
    description:
      - The database that is to serve production. A read replica of O(source) with O(promote=true), a copy restored
        from a snapshot taken behind the fence with O(promote=false), a fenced copy that follows by logical replication
        with O(logical).
    type: dict
    required: true
    suboptions: *side
  application_login:
    description:
      - The application's role, for the proofs that it can write no longer on the source and can write on the target.
      - Without it both are made by the owner.
    type: dict
    suboptions:
      user:
        description:
          - The role.
        type: str
        required: true
      password:
        description:
          - Its password. Prefer O(application_login.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password.
        type: str
      region:
        description:
          - Region of the secret. Without it the region of O(source).
        type: str
  roles:
    description:
      - Roles whose new sessions become read only on the source. Without it the role of O(application_login).
    type: list
    elements: str
  promote:
    description:
      - Whether the target is a read replica that is to be promoted, which cannot be undone.
    type: bool
    default: true
  logical:
    description:
      - The target is no replica but a fenced copy that is kept up to date by
        M(medzen.multiregion.postgresql_logical_replication). Needs O(promote=false).
      - Nothing is promoted. Behind the fence the sequences are set, and the way back is opened, over which what the
        target writes flows to the source.
    type: dict
    suboptions:
      name:
        description:
          - Name of the replication from the source to the target.
        type: str
        default: medzen_move
      way_back:
        description:
          - Name of the one from the target to the source. Its subscription was made before, not started.
        type: str
        default: medzen_back
  backup_retention_days:
    description:
      - Days for which RDS keeps the promoted instance's backups. Without it RDS keeps one day.
    type: int
  backup_window:
    description:
      - The promoted instance's daily backup window in UTC.
    type: str
  max_lag_bytes:
    description:
      - How many bytes the replica may be behind for the source to be fenced at all.
    type: int
    default: 16777216
  catch_up_timeout:
    description:
      - How long the replica may take to replay the rest behind the fence, in seconds. Then the source's fence is
        lifted again.
    type: float
    default: 60.0
  promote_timeout:
    description:
      - How long the promotion may take, in seconds.
    type: float
    default: 1800.0
  lock_timeout:
    description:
      - How long the fence waits for writes in flight, in seconds, before the sessions that make them are ended.
    type: float
    default: 2.0
  terminate:
    description:
      - Whether sessions that hold their tables for longer than O(lock_timeout) are ended.
    type: bool
    default: true
  parity_level:
    description:
      - What is compared within the pause, as M(medzen.multiregion.postgresql_parity) does it.
    type: str
    choices: [newest, counts, checksums]
    default: counts
  schemas:
    description:
      - Schemas that are compared.
    type: list
    elements: str
    default: [ehr, ext]
  reason:
    description:
      - Why, for whoever finds the fence later.
    type: str
    default: ""
  change_batch:
    description:
      - The change of DNS records that sends the clients to the target. The sub-options are those of
        M(medzen.multiregion.route53_record_sets). Without it DNS is left alone.
    type: dict
    suboptions:
      zone:
        description:
          - Name or id of the hosted zone.
        type: str
        required: true
      private_zone:
        description:
          - Whether the zone is a private one.
        type: bool
        default: false
      changes:
        description:
          - The changes, each with C(action) (V(present) or V(absent)) and C(record).
        type: list
        elements: dict
        required: true
      expect:
        description:
          - The record sets as they must be before. Others refuse the switchover before the fence.
          - With O(change_batch.replace_names) the types A, AAAA and CNAME of a name that is given addresses count as
            one.
        type: list
        elements: dict
        default: []
      expect_absent:
        description:
          - Names that must have no record before.
        type: list
        elements: str
        default: []
      replace_names:
        description:
          - Whether the names concerned are to have exactly these record sets. Record sets of type A, AAAA and CNAME
            give way to each other; other types stay.
        type: bool
        default: false
      allow_empty:
        description:
          - Whether a name may be left without any record.
        type: bool
        default: false
      max_changes:
        description:
          - How many record sets may change.
        type: int
        default: 10
  wait_insync:
    description:
      - Whether to wait until all of Route 53's servers know the change. Usually M(medzen.multiregion.dns_propagation)
        proves this and more afterwards.
    type: bool
    default: false
  poll_seconds:
    description:
      - How long to pause between two looks at RDS and Route 53, in seconds. The database itself is asked more often.
    type: float
    default: 10.0
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: A target that is not there yet is reported by RV(planned). Everything else is read and judged.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Move production to Frankfurt
  medzen.multiregion.database_switchover:
    source:
      db_instance_identifier: medzen-ehrbase-db-af-south-1
      region: af-south-1
      login:
        user: ehrbase_admin
        password_secret: af-south-1/medzen-ehrbase/db_admin_password
    target:
      db_instance_identifier: medzen-ehrbase-db-eu-central-1
      region: eu-central-1
      login:
        user: ehrbase_admin
        password_secret: af-south-1/medzen-ehrbase/db_admin_password
        region: af-south-1
    application_login:
      user: ehrbase_restricted
      password_secret: af-south-1/medzen-ehrbase/db_user_password
    backup_retention_days: 7
    backup_window: 03:00-04:00
    reason: move to eu-central-1
    change_batch:
      zone: medzenhealth.app
      expect:
        - {name: ehr.medzenhealth.app, type: CNAME, ttl: 60, values: ["{{ old_balancer }}"]}
      changes:
        - action: present
          record: {name: ehr.medzenhealth.app, type: CNAME, ttl: 60, values: ["{{ new_balancer }}"]}
    region: eu-central-1
  register: switchover
"""

RETURN = r"""
steps:
  description: The steps that were left to do, in order. Empty when everything was switched already.
  type: list
  elements: str
  returned: when the state was understood
  sample: [fence, proof, catch_up, parity, promote, verify, unfence, test_write, change_batch]
already_switched:
  description: Whether there was nothing to do.
  type: bool
  returned: when not in check mode
planned:
  description: Whether the target is not there yet, so that the steps are those of a plan.
  type: bool
  returned: in check mode
timeline:
  description: Each step with its start and end, in seconds since 1970.
  type: list
  elements: dict
  returned: always
  sample: [{step: fence, start: 1795248000.123, end: 1795248000.161}]
pause_s:
  description: From the beginning of the first step to the end of the change batch, in seconds.
  type: float
  returned: success
promote_s:
  description: How much of RV(pause_s) the promotion took, in seconds.
  type: float
  returned: success
fence:
  description: The fence and its proof, as M(medzen.multiregion.postgresql_fence) returns them.
  type: dict
  returned: when the source was fenced or joined
lsn:
  description: The source's log position behind the fence, which the target had reached.
  type: str
  returned: when the fence was proved
lag_bytes:
  description: How far the target was behind before the fence.
  type: int
  returned: when the target was a replica
sequences:
  description: Sequences of the target that were set to where the source's stand.
  type: list
  elements: str
  returned: with O(logical)
catch_up_s:
  description: How long the target took to reach RV(lsn), in seconds.
  type: float
  returned: when the target was a replica
parity:
  description: The comparison of both sides behind the fence.
  type: dict
  returned: when it was made
writes_since_fence:
  description: Transactions of the source's server and rows written since the fence. Rows are always 0 on success.
  type: dict
  returned: when it was verified
test_write:
  description: The proof that the target takes writes.
  type: dict
  returned: success
change_id:
  description: Route 53's id of the change.
  type: str
  returned: when DNS was changed
record_sets_before:
  description: The record sets before, in the form of C(changes[].record). Keep them; they are the way back.
  type: list
  elements: dict
  returned: when DNS was changed
rollback:
  description: The C(changes) that undo the change of DNS.
  type: list
  elements: dict
  returned: when DNS was changed
went_back:
  description: Whether the source's fence was lifted again, by a failure before the promotion or O(state=reopened).
  type: bool
  returned: always
advice:
  description: What the source accepts now, why, and what to do.
  type: str
  returned: with O(state=reopened)
failed_step:
  description: The step that failed.
  type: str
  returned: when a step failed
gate:
  description: The verdict with its evidence, for the report.
  type: dict
  returned: when a step was done
"""

import signal

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, parity, rds, route53
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.logical_sides import LogicalStream, LogicalTarget
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    application_login_options,
    build_login,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import record_arguments, strip_zone_id
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover import Interrupted, Limits, Switchover
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import (
    AFTER,
    BEFORE,
    LOGICAL_STEPS,
    NONE,
    REPLICA_STEPS,
    WRITABLE_STEPS,
    SourceView,
    TargetView,
    apply_step,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import (
    SourceDatabase,
    TargetDatabase,
    as_application,
)


def side_options():
    login = login_options() | {"required": True}
    login["options"]["host"] = {"type": "str"}
    return {
        "type": "dict",
        "required": True,
        "options": {
            "db_instance_identifier": {"type": "str", "required": True},
            "region": {"type": "str"},
            "login": login,
        },
    }


CHANGE_BATCH = {
    "zone": {"type": "str", "required": True},
    "private_zone": {"type": "bool", "default": False},
    "changes": {"type": "list", "elements": "dict", "required": True},
    "expect": {"type": "list", "elements": "dict", "default": []},
    "expect_absent": {"type": "list", "elements": "str", "default": []},
    "replace_names": {"type": "bool", "default": False},
    "allow_empty": {"type": "bool", "default": False},
    "max_changes": {"type": "int", "default": 10},
}

ARGUMENTS = {
    "state": {"type": "str", "choices": ["switched", "reopened"], "default": "switched"},
    "source": side_options(),
    "target": side_options(),
    "application_login": application_login_options(),
    "roles": {"type": "list", "elements": "str"},
    "promote": {"type": "bool", "default": True},
    "logical": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "default": "medzen_move"},
            "way_back": {"type": "str", "default": "medzen_back"},
        },
    },
    "backup_retention_days": {"type": "int"},
    "backup_window": {"type": "str"},
    "max_lag_bytes": {"type": "int", "default": 16 * 1024 * 1024},
    "catch_up_timeout": {"type": "float", "default": 60.0},
    "promote_timeout": {"type": "float", "default": 1800.0},
    "lock_timeout": {"type": "float", "default": 2.0},
    "terminate": {"type": "bool", "default": True},
    "parity_level": {"type": "str", "choices": list(parity.LEVELS), "default": "counts"},
    "schemas": {"type": "list", "elements": "str", "default": ["ehr", "ext"]},
    "reason": {"type": "str", "default": ""},
    "change_batch": {"type": "dict", "options": CHANGE_BATCH},
    "wait_insync": {"type": "bool", "default": False},
    "poll_seconds": {"type": "float", "default": 10.0},
    "resolvers": resolvers_option(),
}


def check_options(what, arguments, options):
    """Options as their argument spec makes them: defaults in, types right, misspelt names refused."""
    checked = ArgumentSpecValidator(arguments).validate(options)
    if checked.error_messages:
        raise Refused(
            f"change_batch.{what} cannot be read.",
            "; ".join(checked.error_messages),
            "the options of route53_record_sets",
            "correct the option",
        )
    return checked.validated_parameters


def check_batch_options(options):
    """The record sets of the batch in the form that route53_record_sets gives them."""
    if not options:
        return None
    change = {
        "action": {"choices": ["present", "absent"], "default": "present"},
        "record": {"type": "dict", "required": True, "options": record_arguments()},
    }
    changes = [check_options("changes", change, item) for item in options["changes"]]
    expect = [check_options("expect", record_arguments(), item) for item in options["expect"]]
    return options | {"changes": changes, "expect": expect}


class ChangeBatch:
    """The third port of the switchover: the record sets that clients follow."""

    def __init__(self, connection, options, *, wait_insync=False, poll_seconds=10.0):
        self.connection, self.options = connection, check_batch_options(options)
        self.wait_insync, self.poll_seconds = wait_insync, poll_seconds
        self.zone_id, self.batch = None, None

    def observe(self):
        """Plans the batch, so that nothing has to be read when the time comes; refuses other records than expected."""
        if not self.options:
            return NONE
        zone = route53.find_zone(self.connection, self.options["zone"], private=self.options["private_zone"])
        self.zone_id = zone["Id"]
        changes, expect, absent = (self.options[name] for name in ("changes", "expect", "expect_absent"))
        names = route53.names_of(changes, expect, absent)
        self.batch = route53.plan_batch(
            route53.list_record_sets(self.connection, self.zone_id, names),
            changes,
            expect,
            self.options["replace_names"],
            self.options["max_changes"],
            expect_absent=absent,
            allow_empty=self.options["allow_empty"],
            zone_name=zone["Name"],
            zone_id=zone["Id"],
        )
        return BEFORE if self.batch.changed else AFTER

    def change(self):
        """One batch. It deletes exactly what was read, so records changed meanwhile make Route 53 refuse all of it."""
        info = route53.apply_batch(self.connection, self.zone_id, self.batch)
        if self.wait_insync and info:
            route53.wait_insync(self.connection, info["Id"], poll_seconds=self.poll_seconds)
        return {
            "change_id": strip_zone_id(info["Id"]) if info else None,
            "record_sets_before": self.batch.records_before(),
            "record_sets_after": self.batch.records_after(),
            "rollback": self.batch.rollback(),
        }

    def diff(self):
        return self.batch.diff() if self.batch else {"before": {}, "after": {}}


def build_side_login(module, side, instance):
    """The login of a side; the host is the instance's endpoint unless another is given."""
    options = dict(side["login"])
    options["host"] = options["host"] or ((instance or {}).get("Endpoint") or {}).get("Address")
    options["region"] = options["region"] or side["region"]
    if not options["host"]:
        raise Refused(
            f"{side['db_instance_identifier']} has no endpoint to connect to.",
            f"status {rds.status(instance) or 'unknown, no such instance'}",
            "an instance with an endpoint",
            "create it, or give login.host",
        )
    return build_login(module, options)


def build_application_login(module, like):
    options = module.params["application_login"]
    if not options:
        return None
    region = options["region"] or module.params["source"]["region"]
    return build_login(module, options | {"region": region}, like=like)


def build_request(params):
    application = params["application_login"]
    roles = params["roles"] if params["roles"] is not None else [application["user"]] if application else []
    return fence.FenceRequest(
        reason=params["reason"],
        roles=tuple(roles),
        lock_timeout_s=params["lock_timeout"],
        terminate=params["terminate"],
    )


def build_limits(params):
    return Limits(
        max_lag_bytes=params["max_lag_bytes"],
        catch_up_timeout_s=params["catch_up_timeout"],
        parity_level=params["parity_level"],
        schemas=tuple(params["schemas"]),
    )


def describe_world(world):
    """The two things that a switchover changes about databases, for the diff."""
    return {
        "source": "accepts writes" if world.source.accepts_writes else "refuses writes",
        "target": "accepts writes" if world.target.accepts_writes else "refuses writes",
    }


def build_diff(world, steps, dns):
    after = world
    for step in steps:
        after = apply_step(after, step)
    records = dns.diff()
    return {
        "before": describe_world(world) | {"record_sets": records["before"]},
        "after": describe_world(after) | {"record_sets": records["after"]},
    }


class Gone:
    """A side that is no more, as the plan sees it.

    Without the source, a switchover that is not done is refused. Without the target, all that was written is on the
    source.
    """

    def __init__(self, view):
        self.view = view

    def observe(self):
        return self.view

    def close(self):
        """Nothing is open."""


def describe_absence(side):
    return f"no database instance {side['db_instance_identifier']}"


class Parts:
    """The three ports, made from the module's options."""

    def __init__(self, module, instances):
        params = module.params
        source = params["source"]
        application = None
        if instances["source"] is None and not source["login"]["host"]:
            self.source = Gone(SourceView(reachable=False, problem=describe_absence(source)))
        else:
            login = build_side_login(module, source, instances["source"])
            application = build_application_login(module, login)
            self.source = SourceDatabase(login, build_request(params), application)
        self.target = self._connect_target(module, instances["target"], application)
        self.stream = self._connect_stream(params["logical"])
        connection = client(module, "route53")
        wait = {"wait_insync": params["wait_insync"], "poll_seconds": params["poll_seconds"]}
        self.dns = ChangeBatch(connection, params["change_batch"], **wait)

    def _connect_target(self, module, instance, application):
        params = module.params
        target = params["target"]
        if instance is None and params["state"] == "reopened":
            return Gone(TargetView(exists=False, problem=describe_absence(target)))
        login = build_side_login(module, target, instance)
        kind = LogicalTarget if params["logical"] else TargetDatabase
        return kind(
            login,
            client(module, "rds", target["region"]),
            target["db_instance_identifier"],
            source_identifier=params["source"]["db_instance_identifier"],
            application=as_application(login, application),
            retention_days=params["backup_retention_days"],
            window=params["backup_window"],
            promote_timeout_s=params["promote_timeout"],
            poll_seconds=params["poll_seconds"],
        )

    def _connect_stream(self, options):
        """The replication between both; a source that is no more has none."""
        if not options or isinstance(self.source, Gone):
            return None
        if isinstance(self.target, LogicalTarget):
            self.target.follow(self.source, options["name"])
        return LogicalStream(self.source, self.target, options["name"], options["way_back"])

    def close(self):
        self.source.close()
        self.target.close()


def describe_sides(module):
    """Both instances as RDS describes them; None for one that is not there."""
    found = {}
    for name in ("source", "target"):
        side = module.params[name]
        found[name] = rds.describe_instance(client(module, "rds", side["region"]), side["db_instance_identifier"])
    return found


def plan_without_target(params):
    steps = [*(LOGICAL_STEPS if params["logical"] else REPLICA_STEPS if params["promote"] else WRITABLE_STEPS)]
    if params["change_batch"]:
        steps.append("change_batch")
    return {"changed": True, "planned": True, "steps": steps, "timeline": [], "went_back": False}


def handle_signals(switchover):
    """A request to end is followed while there is a way back. After that, finishing is what helps."""

    def end(number, _frame):
        if switchover.reversible:
            signal.signal(number, signal.SIG_IGN)
            raise Interrupted(f"The process was asked to end by {signal.Signals(number).name}.")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)


def ensure_switched(module):
    require_libraries(module)
    if module.params["logical"] and module.params["promote"]:
        raise Refused(
            "A target that follows by logical replication is not promoted.",
            "logical with promote: true",
            "promote: false",
            "correct the options",
        )
    instances = describe_sides(module)
    reopen = module.params["state"] == "reopened"
    if instances["target"] is None and module.check_mode and not reopen:
        return plan_without_target(module.params)
    parts = Parts(module, instances)
    try:
        switchover = Switchover(
            parts.source,
            parts.target,
            parts.dns,
            promote=module.params["promote"],
            stream=parts.stream,
            limits=build_limits(module.params),
        )
        if not module.check_mode:
            handle_signals(switchover)
        if reopen:
            result = switchover.reopen(check_mode=module.check_mode)
        else:
            result = switchover.plan() if module.check_mode else switchover.run()
        return result | {"diff": build_diff(switchover.world, result["steps"], parts.dns)}
    finally:
        parts.close()


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure_switched)


if __name__ == "__main__":
    main()
