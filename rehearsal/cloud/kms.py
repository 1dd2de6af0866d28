# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS: a key that is disabled or about to be deleted cannot be used; deletion waits 7 to 30 days.

https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.kms import models
from moto.kms.models import Key, KmsBackend, kms_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

SECONDS_A_DAY = 86400.0
WINDOW_DAYS_MIN, WINDOW_DAYS_MAX, WINDOW_DAYS_DEFAULT = 7, 30, 30
# Keys that AWS makes for its services when they are first asked for.
SERVICE_ALIASES = ("alias/aws/rds", "alias/aws/secretsmanager", "alias/aws/s3", "alias/aws/ebs", "alias/aws/dynamodb")
USES = (
    "Encrypt",
    "Decrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "CreateGrant",
)
# Methods of moto's backend that know a key by its id only; AWS takes the ARN as well.
BY_ID_ONLY = ("enable_key", "disable_key", "update_key_description", "schedule_key_deletion", "cancel_key_deletion")


def install(world: World) -> None:
    for operation in USES:
        world.operations.before("kms", operation, refuse_unusable)
    world.operations.before("kms", "ScheduleKeyDeletion", check_schedule)
    world.operations.after("kms", "ScheduleKeyDeletion", lambda call: plan_deletion(world, call))
    for operation in ("DescribeKey", "ListAliases"):
        world.operations.before("kms", operation, lambda call: make_service_keys(call.region))
    KmsBackend.cancel_key_deletion = cancel_deletion
    models.generate_private_key = only_asymmetric(models.generate_private_key)
    for name in BY_ID_ONLY:
        setattr(KmsBackend, name, by_any_name(getattr(KmsBackend, name)))


def only_asymmetric(generate: Callable[[str], Any]) -> Callable[[str], Any]:
    """moto makes an RSA key for each key of KMS, a tenth of a second of work; a symmetric one never uses it."""
    return lambda key_spec: None if key_spec == "SYMMETRIC_DEFAULT" else generate(key_spec)


def find_key(region: str, key: str | None) -> Key | None:
    """The key that an id, ARN or alias names in a region; None when that region has no such key."""
    backend = kms_backends[ACCOUNT_ID][region]
    if not key or (key.startswith("arn:") and key.split(":")[3] != region):
        return None
    if "alias/aws/" in key:
        make_service_keys(region)
    try:
        return backend.keys.get(backend.any_id_to_key_id(key))
    except Exception:  # moto raises several kinds for "not found"
        return None


def key_state(region: str, key: str | None) -> str | None:
    """Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, or None for a key that is not there."""
    found = find_key(region, key)
    return None if found is None else found.key_state


def make_service_keys(region: str) -> None:
    """Make the keys behind alias/aws/<service>, which every region has."""
    backend = kms_backends[ACCOUNT_ID][region]
    for alias in SERVICE_ALIASES:
        if not backend.alias_exists(alias):
            text = f"Default key for {alias.rpartition('/')[2]}"
            key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", text, None)
            key.key_manager = "AWS"
            backend.create_alias(key.id, alias)


def refuse_unusable(call: Call) -> None:
    key = find_key(call.region, call.get("KeyId") or call.get("DestinationKeyId"))
    if key is None or key.key_state == "Enabled":
        return
    if key.key_state == "Disabled":
        raise ApiError("DisabledException", f"{key.arn} is disabled.")
    raise ApiError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def check_schedule(call: Call) -> None:
    days = call.get("PendingWindowInDays", WINDOW_DAYS_DEFAULT)
    if not WINDOW_DAYS_MIN <= int(days) <= WINDOW_DAYS_MAX:
        limits = f"must be from {WINDOW_DAYS_MIN} to {WINDOW_DAYS_MAX}"
        text = f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' {limits}"
        raise ApiError("ValidationException", text)
    key = find_key(call.region, call.get("KeyId"))
    if key is None:
        return
    if key.key_manager == "AWS":
        raise ApiError("AccessDeniedException", f"{key.arn} is managed by AWS and cannot be deleted.")
    if key.key_state.startswith("Pending"):
        raise ApiError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def plan_deletion(world: World, call: Call) -> None:
    """Let the key go at the end of its window; a primary waits for its replicas first."""
    key = find_key(call.region, call.get("KeyId"))
    if key is None:
        return
    if _has_replicas(key):
        key.key_state = "PendingReplicaDeletion"
        return
    days = int(call.get("PendingWindowInDays", WINDOW_DAYS_DEFAULT))
    timed = world.clock.start("kms_delete", key.arn, call.region, days * SECONDS_A_DAY, listed=False)
    key.medzen_deletion = timed
    world.later(timed, lambda: _delete(call.region, key, timed))


def by_any_name(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the backend for a key that is named by its id or its ARN."""

    @functools.wraps(method)
    def call(backend: Any, key_id: str, *arguments: Any) -> Any:
        return method(backend, backend.any_id_to_key_id(key_id), *arguments)

    return call


def cancel_deletion(backend: Any, key_id: str) -> None:
    """The key comes back disabled, as AWS has it."""
    key = backend.keys[key_id]
    key.key_state, key.enabled, key.deletion_date, key.medzen_deletion = "Disabled", False, None, None


def _delete(region: str, key: Key, timed: Any) -> None:
    if getattr(key, "medzen_deletion", None) is timed:
        backend = kms_backends[ACCOUNT_ID][region]
        for alias in list(key.aliases):
            backend.delete_alias(alias)
        backend.delete_key(key.id)


def _has_replicas(key: Key) -> bool:
    configuration = getattr(key, "multi_region_configuration", None) or {}
    return configuration.get("MultiRegionKeyType") == "PRIMARY" and bool(configuration.get("ReplicaKeys"))
