#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_logical_replication
version_added: 1.0.0
short_description: Keep a physical copy of a PostgreSQL database up to date by logical replication
description:
  - Publishes a database, subscribes a copy of it from a known log position on, waits until the copy has everything, and
    gives all of it up again. One name stands for the publication, the slot and the subscription.
  - The order is V(published) on the source, a snapshot of it, a copy made from the snapshot, then V(subscribed) with
    the position at which the copy's recovery ended (M(medzen.multiregion.rds_recovery_info)).
  - The copy's tables may be fenced meanwhile (M(medzen.multiregion.postgresql_fence)); what arrives by the subscription
    passes the fence, what anybody else writes does not.
  - Every step looks before it makes something. A run that was killed is joined by the next one.
  - What cannot be replicated is refused before anything is changed, with what to do; RV(faults) lists all of it.
  - The password of the subscription is in no statement that a server logs, shows or counts, and never returned.
  - Needs PostgreSQL 16 or newer, the owner of the tables, and on RDS the roles C(rds_replication) and
    C(pg_create_subscription), which its master user has. No superuser.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - V(read) only reads.
      - V(published) makes publication and slot on O(publisher).
      - V(subscribed) makes the subscription on O(subscriber), starts it where O(start_lsn) says, and waits until it is
        less than O(max_lag_bytes) behind.
      - V(caught_up) waits until O(subscriber) has confirmed everything that O(publisher) had written when the wait
        began. Fence the publisher before.
      - V(absent) drops the subscription, then the slot, then the publication. A side that is not given is left alone.
    type: str
    choices: [read, published, subscribed, caught_up, absent]
    default: read
  name:
    description:
      - Name of publication, slot and subscription. Lower-case letters, digits and underscores.
    type: str
    default: medzen_move
  publisher:
    description:
      - The database that is replicated from.
    type: dict
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
          - Role to log in as. The owner of the tables, which on RDS is the master user.
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
  subscriber:
    description:
      - The database that is replicated to.
    type: dict
    suboptions: *login
  reach:
    description:
      - How the subscriber's server reaches the publisher. It logs in as O(publisher.user).
    type: dict
    suboptions:
      host:
        description:
          - Name under which it reaches it. Without it O(publisher.host).
        type: str
      port:
        description:
          - Port. Without it O(publisher.port).
        type: int
      sslmode:
        description:
          - How it uses TLS. V(verify-full) needs O(reach.ca_path).
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
        default: require
      ca_path:
        description:
          - File with the authorities' certificates on the subscriber's server.
        type: str
  start_lsn:
    description:
      - Log position of the publisher at which the subscriber was copied. What committed from there on is applied.
      - Without it the subscription begins where its slot does, which is right only for a copy that was equal then.
    type: str
  enabled:
    description:
      - With O(state=subscribed), whether the subscription is started. V(false) makes it and no more, which proves that
        the subscriber's server reaches the publisher.
    type: bool
    default: true
  sequences:
    description:
      - With O(state=caught_up), whether the subscriber's sequences are set to where the publisher's stand. None is ever
        set back.
    type: bool
    default: false
  max_lag_bytes:
    description:
      - With O(state=subscribed), how far behind the subscriber may be for the wait to end, in bytes.
    type: int
    default: 16777216
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - medzen.multiregion.wait
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: A side that cannot be reached in check mode is taken for one that is not there yet.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
requirements:
  - psycopg >= 3.1
  - dnspython, when O(resolvers) is used
"""

EXAMPLES = r"""
- name: Publish production before the snapshot is taken
  medzen.multiregion.postgresql_logical_replication:
    state: published
    publisher:
      host: medzen-ehrbase-db-af-south-1.abcdefghijkl.af-south-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: af-south-1/medzen-ehrbase/db_admin_password
    region: af-south-1

- name: Let the restored copy follow it
  medzen.multiregion.postgresql_logical_replication:
    state: subscribed
    publisher: "{{ production_login }}"
    subscriber: "{{ copy_login }}"
    start_lsn: "{{ recovery.lsn }}"
    reach: {host: "{{ production_login.host }}", sslmode: require}
    region: eu-central-1

- name: Give it up
  medzen.multiregion.postgresql_logical_replication:
    state: absent
    publisher: "{{ production_login }}"
    subscriber: "{{ copy_login }}"
    region: eu-central-1
"""

RETURN = r"""
planned:
  description: Whether a side cannot be reached yet, so that the result is a plan.
  type: bool
  returned: in check mode, when one cannot be reached
faults:
  description: What forbids the replication, each with C(name), C(found), C(expected) and C(next_step).
  type: list
  elements: dict
  returned: when O(publisher) was read
published:
  description: The publisher as it stands after the task.
  type: dict
  returned: when O(publisher) was read
  contains:
    wal_level: {description: How much the log holds., type: str}
    server_version_num: {description: PostgreSQL's version as a number., type: int}
    tables: {description: The workload's tables., type: list, elements: str}
    published: {description: The tables that are published., type: list, elements: str}
    seed: {description: Which slot this is; another one when the slot was made again., type: str}
    slot: {description: Name of the slot., type: str}
    slot_active: {description: Whether a subscriber reads from it., type: bool}
    wal_status: {description: Whether it still has its log., type: str}
    confirmed_lsn: {description: Up to where the subscriber has everything., type: str}
    retained_bytes: {description: How much log it keeps., type: int}
    retained_bytes_max: {description: How much it may keep before it is given up; null without a bound., type: int}
    current_lsn: {description: The end of the publisher's log., type: str}
    lag_bytes: {description: How much of it is not confirmed., type: int}
subscription:
  description: The subscription as it stands after the task; null when there is none.
  type: dict
  returned: when O(subscriber) was read
  contains:
    name: {description: Its name., type: str}
    enabled: {description: Whether it is started., type: bool}
    applied_lsn: {description: The publisher's position up to which all was applied; null before., type: str}
    errors: {description: How often applying failed., type: int}
carried_sequences:
  description: Sequences that were set.
  type: list
  elements: str
  returned: when O(sequences=true)
waited_s:
  description: How long the wait took, in seconds.
  type: float
  returned: when something was waited for
"""

import re
import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import logical, lsn
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

REACH = {
    "host": {"type": "str"},
    "port": {"type": "int"},
    "sslmode": {
        "type": "str",
        "default": "require",
        "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    },
    "ca_path": {"type": "str"},
}
ARGUMENTS = {
    "state": {
        "type": "str",
        "choices": ["read", "published", "subscribed", "caught_up", "absent"],
        "default": "read",
    },
    "name": {"type": "str", "default": "medzen_move"},
    "publisher": login_options(),
    "subscriber": login_options(),
    "reach": {"type": "dict", "options": REACH},
    "start_lsn": {"type": "str"},
    "enabled": {"type": "bool", "default": True},
    "sequences": {"type": "bool", "default": False},
    "max_lag_bytes": {"type": "int", "default": 16 * 1024 * 1024},
    "resolvers": resolvers_option(),
    **wait_arguments(),
}
REQUIRED = [
    ("state", "read", ["publisher"]),
    ("state", "published", ["publisher"]),
    ("state", "subscribed", ["publisher", "subscriber"]),
    ("state", "caught_up", ["publisher", "subscriber"]),
]


def find_option_faults(params):
    faults = []
    if not NAME.fullmatch(params["name"]):
        faults.append(f"name {params['name']!r}: expected lower-case letters, digits and underscores, at most 63")
    if params["max_lag_bytes"] < 0:
        faults.append(f"max_lag_bytes {params['max_lag_bytes']}: expected 0 or more")
    if params["start_lsn"]:
        try:
            lsn.parse(params["start_lsn"])
        except MultiregionError as error:
            faults.append(f"start_lsn: {error.message}")
    return faults


def build_reach(params):
    given, publisher = params["reach"] or {}, params["publisher"]
    return logical.Reach(
        given.get("host") or publisher["host"],
        given.get("port") or publisher["port"],
        given.get("sslmode") or REACH["sslmode"]["default"],
        given.get("ca_path"),
    )


class Sides:
    """Both databases with their open connections; a side that was not given is None."""

    def __init__(self, module):
        self.module, self.params, self.name = module, module.params, module.params["name"]
        self.logins, self.connections = {}, {}
        for side in ("publisher", "subscriber"):
            if self.params[side]:
                self.logins[side] = build_login(module, self.params[side])
                self.connections[side] = connect(self.logins[side])

    def close(self):
        for connection in self.connections.values():
            connection.close()

    @property
    def publisher(self):
        return self.connections.get("publisher")

    @property
    def subscriber(self):
        return self.connections.get("subscriber")

    def read(self):
        """Both sides as the module returns them, and the publisher as it was read."""
        publisher, result = None, {}
        if self.publisher:
            publisher = logical.read_publisher(self.publisher, self.name)
            result = {"published": publisher.as_result(), "faults": logical.find_faults(publisher)}
        if self.subscriber:
            result["subscription"] = shown(logical.read_subscription(self.subscriber, self.name))
        return publisher, result


def shown(subscription):
    names = ("name", "enabled", "applied_lsn", "errors")
    return {name: subscription[name] for name in names} if subscription else None


def ensure_published(sides, publisher):
    logical.refuse_unfit(publisher)
    if sides.module.check_mode:
        return not publisher.is_complete
    return logical.ensure_published(sides.publisher, sides.name, publisher)


def ensure_subscribed(sides, publisher):
    """Whether something changed. Without `enabled` no slot is needed: it is made when the replication begins."""
    params, found = sides.params, logical.read_subscription(sides.subscriber, sides.name)
    logical.refuse_unfit(publisher)
    logical.refuse_other_slot(publisher, found)
    if found is not None and (found["enabled"] or not params["enabled"]):
        return False
    if params["enabled"] and params["start_lsn"] and not (found or {}).get("applied_lsn"):
        logical.refuse_gap(publisher, params["start_lsn"])
    if sides.module.check_mode:
        return True
    conninfo = logical.connection_of(sides.logins["publisher"], build_reach(params))
    logical.ensure_published(sides.publisher, sides.name, publisher, slot=False)
    seed = (publisher.publication or {}).get("seed") if params["enabled"] else None
    changed = logical.ensure_subscribed(sides.subscriber, sides.name, conninfo, seed)
    if params["enabled"]:
        changed |= logical.ensure_started(sides.subscriber, sides.name, params["start_lsn"])
    return changed


def is_lost(publisher):
    slot = publisher.slot or {}
    if not slot:
        return "the slot is gone; delete the copy and seed again"
    if slot["wal_status"] == logical.LOST:
        return "the slot is lost: it kept more log than max_slot_wal_keep_size; delete the copy and seed again"
    return None


def tell(publisher):
    slot = publisher.slot or {}
    reading = "read" if slot.get("active") else "NOT read by its subscriber"
    return f"{publisher.lag_bytes} bytes behind, the slot keeps {slot.get('retained_bytes')} bytes and is {reading}"


def wait_for(sides, what, done):
    params, began = sides.params, time.monotonic()
    wait_until(
        lambda: logical.read_publisher(sides.publisher, sides.name),
        done,
        f"{what} of {sides.name}",
        params["wait_timeout"],
        params["poll_seconds"],
        failed=is_lost,
        text=tell,
    )
    return {"waited_s": round(time.monotonic() - began, 3)}


def is_near(publisher, max_lag_bytes):
    return publisher.lag_bytes is not None and publisher.lag_bytes <= max_lag_bytes and publisher.slot["active"]


def ensure_caught_up(sides, publisher):
    params, result, changed = sides.params, {}, False
    if not sides.module.check_mode:
        goal = publisher.used["lsn"]
        result = wait_for(
            sides, "catch-up", lambda state: lsn.is_reached((state.slot or {}).get("confirmed_lsn"), goal)
        )
    if params["sequences"]:
        result["carried_sequences"] = carry_sequences(sides)
        changed = bool(result["carried_sequences"])
    return changed, result


def carry_sequences(sides):
    if sides.module.check_mode:
        found = logical.read_sequences(sides.publisher), logical.read_sequences(sides.subscriber)
        return [f"{one['schema']}.{one['name']}" for one in logical.changed_sequences(*found)]
    return logical.carry_sequences(sides.publisher, sides.subscriber)


def ensure_absent(sides, publisher):
    """The subscription first: it would open its connection again, and an active slot cannot be dropped."""
    name = sides.name
    subscribed = sides.subscriber and logical.read_subscription(sides.subscriber, name) is not None
    published = publisher is not None and (publisher.slot or publisher.publication) is not None
    if sides.module.check_mode:
        return bool(subscribed or published)
    changed = logical.drop_subscription(sides.subscriber, name) if subscribed else False
    if published:
        changed |= logical.drop_published(sides.publisher, name)
    return changed


def change(sides, publisher):
    """Whether something changed, and what only this state returns."""
    state, params = sides.params["state"], sides.params
    if state == "read":
        return False, {}
    if state == "published":
        return ensure_published(sides, publisher), {}
    if state == "absent":
        return ensure_absent(sides, publisher), {}
    if state == "caught_up":
        return ensure_caught_up(sides, publisher)
    changed, result = ensure_subscribed(sides, publisher), {}
    if params["enabled"] and params["wait"] and not sides.module.check_mode:
        result = wait_for(sides, "lag", lambda found: is_near(found, params["max_lag_bytes"]))
    return changed, result


def summary(result):
    published, subscription = result.get("published") or {}, result.get("subscription") or {}
    return {
        "published": published.get("published"),
        "slot": published.get("slot"),
        "subscription": {key: subscription.get(key) for key in ("name", "enabled")},
    }


def ensure(module):
    require_libraries(module)
    refuse_faults("The options cannot be used.", find_option_faults(module.params))
    try:
        sides = Sides(module)
    except MultiregionError:
        if module.check_mode and module.params["state"] != "read":
            return {"changed": True, "planned": True}
        raise
    try:
        publisher, before = sides.read()
        changed, result = change(sides, publisher)
        _publisher, after = sides.read()
        return after | result | {"changed": changed, "diff": {"before": summary(before), "after": summary(after)}}
    finally:
        sides.close()


def main():
    run(
        AnsibleAWSModule(
            argument_spec=ARGUMENTS,
            supports_check_mode=True,
            required_if=REQUIRED,
            required_one_of=[("publisher", "subscriber")],
        ),
        ensure,
    )


if __name__ == "__main__":
    main()
