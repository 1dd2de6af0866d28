#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_recovery_point_info
version_added: 1.0.0
short_description: Read at which point a database and its replica are
description:
  - Reads, in one read-only transaction, how far a database is at this moment. That is its log position, its newest
    write, and the horizon, which is the oldest transaction at work. Whatever transactions below the horizon wrote is
    committed.
  - With O(replica) the replica is read at the same time, and its distance is returned in bytes of the log and in
    seconds between the newest writes.
  - With O(wait=true) it then waits until the replica has replayed the source's position, so that a copy that is taken
    of the replica has everything from below the horizon.
  - It only reads. The horizon goes to M(medzen.multiregion.postgresql_recovery_proof).
author:
  - MedZen platform team (@medzen)
options:
  source:
    description:
      - The database that takes the writes.
    type: dict
    required: true
    suboptions: &login
      host:
        description:
          - Name or address of the server.
        type: str
        required: true
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
          - Role to log in as; it must be allowed to read all tables.
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
  replica:
    description:
      - A physical replica of O(source).
    type: dict
    suboptions: *login
  complete_until:
    description:
      - A moment up to which the replica is known to have everything, as ISO 8601 text. It is the C(at) of an
        earlier point that was waited for.
      - Without it, one write after a quiet hour makes a replica seem an hour behind.
    type: str
  schemas:
    description:
      - Schemas in which the newest write is looked for.
    type: list
    elements: str
    default: [ehr, ext]
  wait_timeout:
    description:
      - How long the replica may take to replay what the source had written, in seconds.
    type: int
    default: 300
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
  - Needs C(secretsmanager:GetSecretValue) of the passwords.
  - With O(wait=true) and without O(replica) nothing is waited for.
attributes:
  check_mode:
    description: Can run in check mode and returns the same, but waits for nothing.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
"""

EXAMPLES = r"""
- name: Read where production and its replica are, and let the replica come as far
  medzen.multiregion.postgresql_recovery_point_info:
    source:
      host: medzen-ehrbase-db-eu-central-1.abc.eu-central-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
      region: eu-central-1
    replica:
      host: medzen-ehrbase-replica-eu-west-1.abc.eu-west-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    region: eu-west-1
    wait_timeout: 300
  register: point
"""

RETURN = r"""
source:
  description:
    - The source at C(at) of the controller's clock. C(newest) is null where it has no write that tells its time.
  type: dict
  returned: always
  sample: {at: "2026-12-05T03:00:00.123+00:00", horizon: 90412, lsn: 0/3A1C2F8, newest: "2026-12-05T02:59:59.871023Z"}
replica:
  description: The replica at the same time, with its distance. C(lag_s) is null where it is not known.
  type: dict
  returned: when O(replica) is given
  sample: {at: "2026-12-05T03:00:00.124+00:00", horizon: null, lsn: 0/3A1C000, newest: "2026-12-05T02:59:59.640Z",
    lag_bytes: 760, lag_s: 0.231}
catch_up_s:
  description: How long the replica took to replay the source's position, in seconds; null when it was not waited for.
  type: float
  returned: when O(replica) is given
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn, rds, recovery
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    describe_errors,
    fetch_value,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

# The database is asked more often than RDS: it is a query of a millisecond.
POLL_S_MAX = 1.0


def check_sides(source, replica):
    """Refuse a source that takes no writes, and a replica that is none."""
    if source.horizon is None:
        raise Refused(
            "The source is a replica",
            found="a database in recovery",
            expected="the database that takes the writes",
            next_step="name the primary as source",
        )
    if replica is not None and replica.horizon is not None:
        raise Refused(
            "The replica takes writes",
            found="a database that is not in recovery",
            expected="a physical replica of the source",
            next_step="name the replica, or leave the option out",
        )


def read_moment(text):
    return rds.parse_time(text).isoformat() if text else None


def read_position(connection):
    with describe_errors("read how far the replica is"):
        return fetch_value(connection, recovery.POSITION)


def wait_for_replica(connection, goal, params):
    """Seconds until the replica has replayed the goal."""
    begun = time.monotonic()
    wait_until(
        lambda: read_position(connection),
        lambda position: lsn.is_reached(position, goal),
        f"replica {params['replica']['host']} to replay {goal}",
        params["wait_timeout"],
        min(params["poll_seconds"], POLL_S_MAX),
        text=lambda position: f"at {position}, {lsn.lag_bytes(goal, position)} bytes behind",
    )
    return round(time.monotonic() - begun, 3)


def read_both(logins, params, waits):
    """Both sides over connections that are open before either is read: opening one takes time."""
    schemas = params["schemas"]
    with connect(logins[0]) as source, connect(logins[1]) as replica:
        points = in_parallel(lambda one: recovery.read_point(one, schemas), (source, replica))
        check_sides(*points)
        catch_up_s = wait_for_replica(replica, points[0].lsn, params) if waits else None
    return {
        "source": points[0].as_dict(),
        "replica": recovery.compare_points(*points, read_moment(params["complete_until"])),
        "catch_up_s": catch_up_s,
    }


def read_points(module):
    require_libraries(module)
    params = module.params
    logins = [build_login(module, params[side]) for side in ("source", "replica") if params[side]]
    if params["replica"]:
        return {"changed": False, **read_both(logins, params, params["wait"] and not module.check_mode)}
    with connect(logins[0]) as connection:
        point = recovery.read_point(connection, params["schemas"])
    check_sides(point, None)
    return {"changed": False, "source": point.as_dict()}


def main():
    spec = {
        "source": login_options() | {"required": True},
        "replica": login_options(),
        "complete_until": {"type": "str"},
        "schemas": {"type": "list", "elements": "str", "default": ["ehr", "ext"]},
        "resolvers": resolvers_option(),
        **wait_arguments(300),
    }
    run(AnsibleAWSModule(argument_spec=spec, supports_check_mode=True), read_points)


if __name__ == "__main__":
    main()
