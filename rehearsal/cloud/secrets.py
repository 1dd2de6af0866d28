# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager: replicas that take a moment and can be cut loose, and names that stay taken until they are deleted.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_StopReplicationToReplica.html
"""

from __future__ import annotations

import copy
from typing import Any

from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend, secretsmanager_backends

from rehearsal.canary import plant
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.kms import key_state
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


def install(world: World) -> None:
    world.operations.before("secretsmanager", "CreateSecret", check_create)
    world.operations.handle("secretsmanager", "StopReplicationToReplica", stop_replication)
    for operation in ("CreateSecret", "UpdateSecret", "PutSecretValue", "GetSecretValue"):
        world.operations.before("secretsmanager", operation, check_key)
    install_replica_states(world)
    install_canary()


def install_canary() -> None:
    """Passwords that this service makes up begin like every other secret of the world."""
    moto_make = SecretsManagerBackend.get_random_password
    SecretsManagerBackend.get_random_password = lambda *asked, **more: plant(moto_make(*asked, **more))


def install_replica_states(world: World) -> None:
    """A replica is InProgress first; its key is the one asked for, which moto forgets."""
    moto_init, moto_create = ReplicaSecret.__init__, FakeSecret.create_replicas

    def init(
        self: ReplicaSecret, source: FakeSecret, region: str, status: str | None = None, message: str | None = None
    ) -> None:
        moto_init(self, source, region, status, message)
        if self.has_replica:
            self.medzen_timed = world.clock.start("secret_replicate", source.name, region)
        self.config = ReplicaConfig(self)

    def create_replicas(
        self: FakeSecret, replica_regions: list[dict[str, str]], force_overwrite: bool
    ) -> list[ReplicaSecret]:
        replicas = moto_create(self, replica_regions, force_overwrite)
        for replica, wanted in zip(replicas, replica_regions or [], strict=True):
            replica.config.base["KmsKeyId"] = wanted.get("KmsKeyId") or "alias/aws/secretsmanager"
        return replicas

    ReplicaSecret.__init__, FakeSecret.create_replicas = init, create_replicas


class ReplicaConfig(dict):
    """The row of a replica in ReplicationStatus; its state is read off the clock when it is written out."""

    def __init__(self, replica: ReplicaSecret) -> None:
        self.base = dict(replica.config)
        self._replica = replica
        super().__init__(self.base)

    def items(self) -> Any:
        timed = getattr(self._replica, "medzen_timed", None)
        if timed is not None and not timed.done():
            return (self.base | {"Status": "InProgress", "StatusMessage": ""}).items()
        return self.base.items()


def check_create(call: Call) -> None:
    secrets = secretsmanager_backends[ACCOUNT_ID][call.region].secrets
    existing = secrets.get(call.get("Name"))
    if existing is not None and existing.is_deleted():
        text = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise ApiError("InvalidRequestException", text)


def check_key(call: Call) -> None:
    """A secret cannot be written or read while its key is missing or disabled."""
    key = call.get("KmsKeyId")
    if not key and call.get("SecretId"):
        secret = secretsmanager_backends[ACCOUNT_ID][call.region].secrets.get(call.get("SecretId"))
        key = getattr(secret, "kms_key_id", None)
    if not key or "alias/aws/" in key:
        return
    state = key_state(call.region, key)
    if state != "Enabled":
        code = "DecryptionFailure" if call.operation == "GetSecretValue" else "EncryptionFailure"
        raise ApiError(code, f"The key {key} in {call.region} is {state or 'missing'}; expected Enabled.")


def stop_replication(call: Call) -> dict[str, Any]:
    """Turn a replica, asked in its own region, into a secret that stands alone."""
    secrets = secretsmanager_backends[ACCOUNT_ID][call.region].secrets
    replica = secrets.get(call.get("SecretId"))
    if replica is None:
        raise ApiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    if not isinstance(replica, ReplicaSecret):
        raise ApiError("InvalidRequestException", f"{replica.arn} is not a replica.")
    source = replica.source
    alone = copy.copy(source)
    alone.arn, alone.region, alone.replicas = replica.arn, call.region, []
    alone.versions = copy.deepcopy(source.versions)
    alone.kms_key_id = replica.config.base["KmsKeyId"]
    source.replicas.remove(replica)
    # moto keeps replicas under their ARN and everything else under its name.
    dict.pop(secrets, replica.arn)
    secrets[alone.name] = alone
    return {"ARN": alone.arn}
