#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_write_lease
version_added: 1.0.0
short_description: Hold a PostgreSQL database to a lease, without which it refuses writes by itself
description:
  - A region that is cut off cannot be told to stop taking writes. A database that is held to a lease stops by itself
    when nobody renews it, and still refuses when the region comes back.
  - Renews the lease, puts it in force, takes it away, or tells how it stands.
  - In force, a statement trigger on every table outside the system schemas refuses writes with SQLSTATE V(25006) once
    the lease has run out. Reads go on. The next renewal lets writes pass again.
  - The triggers are those of M(medzen.multiregion.postgresql_fence). A fence stands whatever the lease says, and
    lifting a fence takes the lease away. So does opening a promoted or restored copy, which carries the lease of its
    source.
  - A database that is fenced is left as it is.
  - A transaction whose last statement ran under the lease may commit behind it.
  - Needs the owner of the tables, no superuser. Works with PostgreSQL 15 and newer.
  - Operation used is C(secretsmanager:GetSecretValue), when the login names a secret.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - V(present) renews the lease. V(absent) takes it away.
      - Without it the lease is only read, on a replica as well.
    type: str
    choices: [present, absent]
  lease_s:
    description:
      - Length of the lease in seconds, from 15 to 3600. Required with O(state=present).
      - A greater length than before is used from the second renewal on, so that replicas know it first.
    type: int
  counted_from:
    description:
      - From when the length counts, as RV(now) tells it. Whoever has to be sure that a renewal is still allowed reads
        RV(now) first, then finds that out, and renews from there. Never later than the database's present.
      - Without it, from the database's present.
    type: str
  in_force:
    description:
      - Whether the tables are held to the lease from now on. Without it a lease that is in force stays so, and is given
        to tables made since; another is renewed and holds nothing.
      - No session is ended for it. Tables that are busy are named in RV(gaps), and held by the next renewal.
    type: bool
    default: false
extends_documentation_fragment:
  - medzen.multiregion.postgresql
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A renewal of a lease that is valid is reported as no change.
    support: full
"""

EXAMPLES = r"""
- name: Ask the database for its time
  medzen.multiregion.postgresql_write_lease:
    login:
      host: medzen-ehrbase-db-eu-central-1.abc.eu-central-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
      sslmode: verify-full
      ca_path: /etc/ssl/rds.pem
    region: eu-west-1
  register: lease

- name: Renew the lease from there, and hold every table to it once it is renewed by a schedule
  medzen.multiregion.postgresql_write_lease:
    login: "{{ production_login }}"
    state: present
    lease_s: 300
    counted_from: "{{ lease.now }}"
    in_force: "{{ lease.steady }}"
    region: eu-west-1
"""

RETURN = r"""
now:
  description: The database's time when it was asked, in UTC.
  type: str
  returned: always
  sample: "2026-11-30T22:14:03.123456Z"
lease_s:
  description: Length of the lease in seconds. Null without one.
  type: int
  returned: always
  sample: 300
valid_until:
  description: Until when the lease is valid, by the database's clock. Null without one.
  type: str
  returned: always
  sample: "2026-11-30T22:19:03.123456Z"
valid:
  description: Whether it is valid now.
  type: bool
  returned: always
steady:
  description:
    - Whether it has been renewed in time for longer than its length, so that it would have run out but for somebody who
      goes on renewing it.
  type: bool
  returned: always
in_force:
  description: Whether tables are held to it.
  type: bool
  returned: always
gaps:
  description: Tables that are not held to a lease that is in force.
  type: list
  elements: str
  returned: always
fenced:
  description: Whether the database is fenced, so that the lease decides nothing.
  type: bool
  returned: always
in_recovery:
  description: Whether it is a replica.
  type: bool
  returned: always
"""

from dataclasses import replace
from datetime import datetime

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, write_lease
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

LEASE_S_MIN = 15
LEASE_S_MAX = 3600
ARGUMENTS = {
    "login": login_options() | {"required": True},
    "resolvers": resolvers_option(),
    "state": {"type": "str", "choices": ["present", "absent"]},
    "lease_s": {"type": "int"},
    "counted_from": {"type": "str"},
    "in_force": {"type": "bool", "default": False},
}


def find_faults(params):
    """What is wrong with the options, each with what was expected."""
    lease_s, counted_from = params["lease_s"], params["counted_from"]
    if lease_s is not None and not LEASE_S_MIN <= lease_s <= LEASE_S_MAX:
        yield f"lease_s is {lease_s}; expected {LEASE_S_MIN} to {LEASE_S_MAX}"
    if counted_from is not None and not is_time(counted_from):
        yield f"counted_from is {counted_from}; expected a time in UTC such as 2026-11-30T22:14:03.123456Z"


def is_time(text):
    try:
        return text.endswith("Z") and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def predict(lease, params):
    """The lease as the task would leave it. A database that is fenced is left as it is."""
    if lease.fenced or params["state"] is None:
        return lease
    if params["state"] == "absent":
        return write_lease.Lease(lease.now)
    in_force = lease.in_force or params["in_force"]
    return replace(lease, lease_s=params["lease_s"], valid=True, in_force=in_force, gaps=())


def apply(connection, lease, params):
    if params["state"] == "absent":
        fence.lift_fence(connection)
        return
    write_lease.refuse_replica(lease)
    write_lease.renew(connection, lease, params["lease_s"], params["counted_from"] or lease.now)
    # Every minute: what is held already is left alone, because replacing its function makes each session plan anew.
    if lease.gaps or params["in_force"] and not lease.in_force:
        write_lease.put_in_force(connection)


def build_diff(before, after):
    names = ("lease_s", "valid", "in_force", "gaps")
    return {
        "before": {name: before.as_result()[name] for name in names},
        "after": {name: after.as_result()[name] for name in names},
    }


def has_changed(before, after):
    """That the lease is valid for longer is what every renewal is for, and no change."""
    diff = build_diff(before, after)
    return diff["before"] != diff["after"]


def ensure(module):
    require_libraries(module)
    params = module.params
    refuse_faults("No such lease", find_faults(params))
    with connect(build_login(module, params["login"])) as connection:
        return ensure_in(connection, params, check_mode=module.check_mode)


def ensure_in(connection, params, *, check_mode=False):
    before = write_lease.read(connection)
    after = predict(before, params)
    # A schema that is left of an earlier fence is for postgresql_fence to take away.
    has_work = params["state"] == "present" or before.lease_s is not None
    if params["state"] is not None and has_work and not before.fenced and not check_mode:
        apply(connection, before, params)
        after = write_lease.read(connection)
    return after.as_result() | {"changed": has_changed(before, after), "diff": build_diff(before, after)}


def main():
    required = [("state", "present", ("lease_s",))]
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, required_if=required, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
