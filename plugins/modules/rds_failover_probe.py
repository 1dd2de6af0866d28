#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_failover_probe
version_added: 1.0.0
short_description: Make a Multi-AZ instance fail over, and measure it as a client sees it
description:
  - Reboots a Multi-AZ database instance with failover to its other availability zone while a client commits a row every
    O(interval_s), resolving the endpoint's name anew for each connection.
  - RV(outage_s) is the longest time in which no commit was acknowledged. RV(lost) is how many acknowledged rows are not
    there afterwards.
  - The task ends when RDS says that the instance is available in another zone. One that stays where it is fails the
    task after O(wait_timeout).
  - For restored copies only. An instance without the tags O(only_tagged) is refused before anything is done, because
    the client writes (to the schema C(medzen_drill), which it makes) and the reboot ends all sessions.
  - Operations used are C(rds:DescribeDBInstances) and C(rds:RebootDBInstance), with the IAM permissions of the same
    names, and C(secretsmanager:GetSecretValue) of the password.
author:
  - MedZen platform team (@medzen)
options:
  db_instance_identifier:
    description:
      - The instance. It must be available, Multi-AZ and no replica.
    type: str
    required: true
  only_tagged:
    description:
      - Tags that the instance must have. At least one.
    type: dict
    required: true
  login:
    description:
      - Who logs in. The role must be allowed to make a schema.
    type: dict
    required: true
    suboptions:
      host:
        description:
          - Name of the server. Without it the endpoint of the instance.
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
          - Role to log in as.
        type: str
        required: true
      password:
        description:
          - Password of the role. Prefer O(login.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password.
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own region.
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
  interval_s:
    description:
      - How long the client pauses between two commits, in seconds.
    type: float
    default: 0.1
  commits_min:
    description:
      - How many commits must be acknowledged before the reboot, and again after it.
    type: int
    default: 10
  wait_timeout:
    description:
      - How long the failover may take until commits are taken again, in seconds.
    type: int
    default: 900
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
requirements:
  - psycopg >= 3.1
  - dnspython, when O(resolvers) is used
notes:
  - It always waits, whatever O(wait) says, because there is nothing to measure otherwise.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: An instance that is not there is reported by RV(planned), because an earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: none
    details: Each run is a failover.
"""

EXAMPLES = r"""
- name: Let the copy fail over
  medzen.multiregion.rds_failover_probe:
    region: eu-central-1
    db_instance_identifier: medzen-ehrbase-drill-eu-central-1
    only_tagged: {Purpose: drill}
    login:
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    wait_timeout: 900
  register: failover
"""

RETURN = r"""
planned:
  description: Whether the instance is not there yet. V(true) only in check mode.
  type: bool
  returned: always
outage_s:
  description: The longest time without an acknowledged commit, in seconds; null when none was seen.
  type: float
  returned: when it was made
  sample: 61.4
acknowledged:
  description: How many commits were acknowledged.
  type: int
  returned: when it was made
failures:
  description: How many commits or connections failed.
  type: int
  returned: when it was made
last_failure:
  description: The last of them.
  type: str
  returned: when it was made
lost:
  description: How many acknowledged rows are not there.
  type: int
  returned: when it was made
lost_rows:
  description: Numbers of the first ten of them.
  type: list
  elements: int
  returned: when it was made
zones:
  description: Availability zone before and after.
  type: dict
  returned: when the instance is there
  sample: {before: eu-central-1a, after: eu-central-1b}
reboot_s:
  description: From the call until RDS said that the instance is available again, in seconds.
  type: float
  returned: when it was made
timeline:
  description: The failover with its start and end, in seconds since 1970, for the report.
  type: list
  elements: dict
  returned: when it was made
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import failover_probe as probe
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    describe_errors,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

LOOK_S_MAX = 1.0
# A commit in flight when the client is told to end: the longest that libpq waits for a dead server.
LAST_COMMIT_S = 20


@describe("reboot database {name} with failover")
def reboot(connection, name):
    return connection.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True, aws_retry=True)


def ask_for_failover(connection, name):
    """A call that is repeated because its answer was lost is refused for what it did itself."""
    try:
        reboot(connection, name)
    except AwsError as error:
        if error.code not in rds.BUSY or rds.status(rds.describe_instance(connection, name)) != "rebooting":
            raise


def find_faults(instance, only_tagged):
    """Why the instance must not, or cannot, fail over; as (found, expected)."""
    tags = tagging.from_boto(instance.get("TagList"))
    wanted = {str(key): str(value) for key, value in only_tagged.items()}
    faults = [
        (f"{key}={tags[key]}" if key in tags else f"no tag {key}", f"the tag {key}={value}")
        for key, value in sorted(wanted.items())
        if tags.get(key) != value
    ]
    if not wanted:
        faults.append(("no tag in only_tagged", "at least one, which only copies have"))
    if rds.is_replica(instance):
        faults.append(("a replica", "an instance of its own"))
    if not instance.get("MultiAZ"):
        faults.append(("one availability zone", "a Multi-AZ instance"))
    if not rds.is_available(instance):
        faults.append((f"status {rds.status(instance)}", "status available"))
    return faults


def check_instance(name, instance, only_tagged):
    if faults := find_faults(instance, only_tagged):
        raise Refused(
            f"Database {name} is not made to fail over",
            found="; ".join(found for found, _expected in faults),
            expected="; ".join(expected for _found, expected in faults),
            next_step="name a restored copy",
        )


def prepare(login):
    with connect(login) as connection, describe_errors("make the table of the probe"):
        for statement in probe.PREPARE:
            connection.execute(statement)


def read_present(login):
    """The numbers that are there. The server has just come back, so a connection may fail once more."""
    with connect(login) as connection, describe_errors("read the rows of the probe"):
        return [row[0] for row in connection.execute(probe.PRESENT).fetchall()]


def zone(instance):
    return instance.get("AvailabilityZone")


def wait_for_commits(committer, since, params, left, what):
    history, wanted = committer.history, params["commits_min"]
    wait_until(
        lambda: history.since(since),
        lambda count: count >= wanted,
        what,
        left.seconds(),
        min(params["poll_seconds"], LOOK_S_MAX),
        text=lambda count: f"{count} of {wanted}; last failure: {history.last_failure or 'none'}",
    )


def wait_back(connection, params, left, before, history):
    """The instance, back from its reboot: RDS calls it available for a moment after the call, too."""
    return rds.wait_instance(
        connection,
        params["db_instance_identifier"],
        lambda instance: rds.is_available(instance) and zone(instance) != zone(before) and history.failures > 0,
        what=f"failover of database {params['db_instance_identifier']}",
        timeout_s=left.seconds(),
        poll_seconds=min(params["poll_seconds"], LOOK_S_MAX),
    )


def fail_over(connection, params, login, before):
    """Reboot with failover under a committing client; the numbers."""
    name, left = params["db_instance_identifier"], TimeLeft(params["wait_timeout"])
    committer = probe.Client(lambda: connect(login), params["interval_s"])
    committer.start()
    try:
        wait_for_commits(committer, time.monotonic(), params, left, f"the first commits on {name}")
        began, asked = time.time(), time.monotonic()
        ask_for_failover(connection, name)
        after = wait_back(connection, params, left, before, committer.history)
        back = time.monotonic()
        wait_for_commits(committer, back, params, left, f"commits on {name} after its failover")
    finally:
        committer.end(LAST_COMMIT_S)
    return {
        **probe.judge(committer.history, read_present(login), asked),
        "zones": {"before": zone(before), "after": zone(after)},
        "reboot_s": round(back - asked, 3),
        "timeline": [{"step": "failover", "start": began, "end": began + back - asked}],
    }


def build_login_to(module, instance):
    options = dict(module.params["login"])
    endpoint = instance.get("Endpoint") or {}
    options["host"] = options["host"] or endpoint.get("Address")
    if not options["host"]:
        raise MultiregionError(f"Database {module.params['db_instance_identifier']} has no endpoint.")
    return build_login(module, options)


def ensure(module):
    require_libraries(module)
    params = module.params
    name, connection = params["db_instance_identifier"], client(module, "rds")
    instance = rds.describe_instance(connection, name)
    if instance is None:
        if module.check_mode:
            return {"changed": True, "planned": True, "diff": {"before": {}, "after": {name: "fails over"}}}
        raise Refused(f"There is no database {name}", next_step="restore it first")
    check_instance(name, instance, params["only_tagged"])
    other = instance.get("SecondaryAvailabilityZone")
    diff = {"before": {name: {"zone": zone(instance)}}, "after": {name: {"zone": other}}}
    if module.check_mode:
        return {"changed": True, "planned": False, "zones": {"before": zone(instance), "after": other}, "diff": diff}
    login = build_login_to(module, instance)
    prepare(login)
    return {"changed": True, "planned": False, "diff": diff, **fail_over(connection, params, login, instance)}


def main():
    login = login_options() | {"required": True}
    login["options"]["host"] = {"type": "str"}
    spec = {
        "db_instance_identifier": {"type": "str", "required": True},
        "only_tagged": {"type": "dict", "required": True},
        "login": login,
        "interval_s": {"type": "float", "default": 0.1},
        "commits_min": {"type": "int", "default": 10},
        "resolvers": resolvers_option(),
        **wait_arguments(900),
    }
    run(AnsibleAWSModule(argument_spec=spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
