# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before meetings are recorded: what was read in, a verdict out. Nothing here makes a call.

Sources, all below https://docs.aws.amazon.com/chime-sdk/latest/dg/: create-s3-bucket.html (bucket and its policy),
sse-kms.html and using-kms-keys-for-encryption.html (key or sink role), create-pipeline-role.html (service-linked role),
media-pipelines-limits.html (pipelines at once).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ansible_collections.medzen.multiregion.plugins.module_utils.policy_document import Grant, parse, read_grant
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import (
    OK,
    REFUSE,
    UNKNOWN,
    WARN,
    Check,
    Unknown,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import unknown as unreadable

SERVICE = "mediapipelines.chime.amazonaws.com"
BUCKET_ACTIONS = ("s3:PutObject", "s3:PutObjectAcl")
KEY_ACTIONS = ("kms:GenerateDataKey",)
TRUST_ACTIONS = ("sts:AssumeRole",)
SERVICE_ROLE = "AWSServiceRoleForAmazonChimeSDKMediaPipelines"
PIPELINES_DEFAULT, PIPELINES_MAX = 10, {"us-east-1": 100}
# S3 counts the years of a default retention as 365 days; the shorter reading is the harsher one.
DAYS_A_YEAR = 365


def pipelines_default(region: str) -> int:
    """How many pipelines an account may have at once when nobody has asked for more."""
    return PIPELINES_MAX.get(region, PIPELINES_DEFAULT)


def check_endpoint(region: str, supported: Sequence[str]) -> Check:
    name, expected = "pipeline region", f"one of {', '.join(supported)}"
    if region in supported:
        return Check(name, region, OK, f"media pipelines exist in {region}", expected)
    return Check(
        name, region, REFUSE, f"no media pipelines in {region}", expected, "record from another control region"
    )


def check_bucket_region(region: str, found: str | None | Unknown) -> Check:
    name, expected = "bucket region", f"a bucket in {region}"
    if isinstance(found, Unknown):
        return unreadable(name, region, found, expected)
    if found is None:
        return Check(name, region, REFUSE, "no such bucket", expected, "make the bucket in the meeting's region")
    if found == region:
        return Check(name, region, OK, found, expected)
    return Check(name, region, REFUSE, found, expected, "record into a bucket of the meeting's region")


def check_bucket_account(region: str, owned: bool | Unknown, account: str | Unknown) -> Check:
    """`owned` is whether S3 takes the account for the bucket's owner."""
    name = "bucket account"
    for fact in (account, owned):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, "a bucket of the meeting's account")
    expected = f"a bucket of account {account}"
    if owned:
        return Check(name, region, OK, f"owned by {account}", expected)
    return Check(name, region, REFUSE, "owned by another account", expected, "record into a bucket of the account")


def check_bucket_policy(region: str, policy: str | None | Unknown, bucket: str, account: str | Unknown) -> Check:
    name, expected = "bucket policy", f"{SERVICE} may {', '.join(BUCKET_ACTIONS)} for this account"
    for fact in (policy, account):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    step = "add the statement that AWS documents in create-s3-bucket.html, with aws:SourceAccount and aws:SourceArn"
    if policy is None:
        return Check(name, region, REFUSE, "no bucket policy", expected, step)
    grant = read_grant(parse(policy), SERVICE, BUCKET_ACTIONS, f"arn:aws:s3:::{bucket}/any", account)
    return judge_grant(Check(name, region, OK, "allowed for this account", expected, step), grant)


def judge_grant(check: Check, grant: Grant) -> Check:
    """A check of its own verdict from a grant: missing and denied refuse, doubt is unknown, an open Allow warns."""

    def told(verdict: str, found: str) -> Check:
        return Check(check.name, check.region, verdict, found, check.expected, check.next_step)

    if grant.denied:
        return told(REFUSE, f"denied: {', '.join(grant.denied)}")
    if grant.missing:
        return told(REFUSE, f"not allowed: {', '.join(grant.missing)}")
    if grant.doubts:
        return told(UNKNOWN, "; ".join(grant.doubts))
    if not grant.scoped:
        return told(WARN, "allowed for any account: the service could be made to write for others")
    return Check(check.name, check.region, OK, check.found, check.expected)


def check_encryption(
    region: str, rule: Mapping | None | Unknown, key: Mapping | None | Unknown, by_role: bool
) -> Check:
    """The bucket's default encryption. `key` is the wanted key as KMS describes it, None when none is asked for.

    With a sink role each object is encrypted by the pipeline, whatever the bucket's default.
    """
    name, expected = "encryption", "aws:kms with the key given" if key else "aws:kms"
    for fact in (rule, key):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    default = (rule or {}).get("ApplyServerSideEncryptionByDefault") or {}
    algorithm, used = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
    found = " ".join(part for part in (algorithm or "no default encryption", used) if part)
    step = "set the bucket's default encryption to aws:kms with the key given"
    if algorithm in ("aws:kms", "aws:kms:dsse") and (not key or is_key(used, key)):
        return Check(name, region, OK, found, expected)
    if by_role:
        return Check(name, region, OK, f"{found}; the sink role encrypts each object with the key", expected)
    if algorithm is None or key:
        return Check(name, region, REFUSE, found, expected, step)
    return Check(name, region, WARN, found, expected, "use a key of your own: recordings are patients' data")


def is_key(name: str | None, key: Mapping) -> bool:
    """Whether a name that S3 has is the key's ARN or identifier; an alias was resolved before it came here."""
    return bool(name) and name in (key.get("Arn"), key.get("KeyId"))


def check_object_lock(region: str, lock: Mapping | None | Unknown, retention_days: int) -> Check:
    name, expected = "object lock", f"a default retention of {retention_days} days or more"
    if isinstance(lock, Unknown):
        return unreadable(name, region, lock, expected)
    step = "set a default retention, so that nobody can delete a recording before its time"
    if lock is None or lock.get("ObjectLockEnabled") != "Enabled":
        return Check(name, region, WARN, "no Object Lock: recordings can be deleted at any time", expected, step)
    default = (lock.get("Rule") or {}).get("DefaultRetention") or {}
    days = default.get("Days") or (default.get("Years") or 0) * DAYS_A_YEAR
    found = f"{default.get('Mode', 'no mode')}, {days} days" if days else "Object Lock without a default retention"
    verdict = OK if days >= retention_days else WARN
    return Check(name, region, verdict, found, expected, "" if verdict == OK else step)


def check_lifecycle(region: str, rules: Sequence[Mapping] | None | Unknown, retention_days: int) -> Check:
    """No rule may take a recording before its time. A rule's filter is not looked at: the harsher reading."""
    name, expected = "lifecycle", f"nothing expires before {retention_days} days"
    if isinstance(rules, Unknown):
        return unreadable(name, region, rules, expected)
    early = [text for rule in rules or [] if (text := early_expiry(rule, retention_days))]
    if early:
        return Check(name, region, REFUSE, "; ".join(early), expected, "lengthen or disable these rules")
    return Check(name, region, OK, "nothing expires earlier", expected)


def early_expiry(rule: Mapping, retention_days: int) -> str | None:
    """How an enabled rule deletes too early, or None."""
    if rule.get("Status") != "Enabled":
        return None
    expiration = rule.get("Expiration") or {}
    name = rule.get("ID") or "a rule without a name"
    if (days := expiration.get("Days")) and days < retention_days:
        return f"{name} deletes after {days} days"
    if moment := expiration.get("Date"):
        return f"{name} deletes on {moment.isoformat() if isinstance(moment, datetime) else moment}"
    return None


def check_key(region: str, key: Mapping | None | Unknown, wanted: str) -> Check:
    """The key itself: there, enabled, and in the bucket's region, beyond which no key reaches."""
    name, expected = "key", f"{wanted}, enabled, in {region}"
    if isinstance(key, Unknown):
        return unreadable(name, region, key, expected)
    if key is None:
        return Check(name, region, REFUSE, "no such key", expected, "make the key, or correct kms_key")
    if key.get("KeyState") != "Enabled":
        return Check(name, region, REFUSE, str(key.get("KeyState")), expected, "enable the key")
    found = str(key.get("Arn")).split(":")[3:4]
    if found != [region]:
        return Check(name, region, REFUSE, f"a key of {''.join(found)}", expected, "use a key of the bucket's region")
    return Check(name, region, OK, f"{key.get('KeyId')} is Enabled", expected)


def check_key_policy(region: str, policy: str | Unknown, key_arn: str, account: str | Unknown) -> Check:
    name, expected = "key policy", f"{SERVICE} may {', '.join(KEY_ACTIONS)}"
    for fact in (policy, account):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    step = "add the statement that AWS documents in sse-kms.html, or record with a sink role"
    grant = read_grant(parse(policy), SERVICE, KEY_ACTIONS, key_arn, account)
    return judge_grant(Check(name, region, OK, "allowed for this account", expected, step), grant)


def check_sink_role(region: str, role: Mapping | None | Unknown, wanted: str, account: str | Unknown) -> Check:
    """Whether the media pipelines can take the role. What the role itself may do is not looked at."""
    name, expected = "sink role", f"{SERVICE} may {', '.join(TRUST_ACTIONS)}"
    for fact in (role, account):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    if role is None:
        return Check(name, region, REFUSE, f"no role {wanted}", expected, "make the role, or correct sink_role_arn")
    step = "let the service assume the role, with aws:SourceAccount and aws:SourceArn"
    statements = parse(role.get("AssumeRolePolicyDocument") or {})
    grant = read_grant(statements, SERVICE, TRUST_ACTIONS, wanted, account)
    return judge_grant(Check(name, region, OK, "the service can take it", expected, step), grant)


def check_service_role(region: str, role: Mapping | None | Unknown) -> Check:
    name, expected = "service-linked role", SERVICE_ROLE
    if isinstance(role, Unknown):
        return unreadable(name, region, role, expected)
    if role is None:
        step = f"aws iam create-service-linked-role --aws-service-name {SERVICE}"
        return Check(name, region, REFUSE, "no such role", expected, step)
    return Check(name, region, OK, "there", expected)


def check_pipelines(region: str, active: int | Unknown, limit: float | Unknown, need: int) -> Check:
    """Whether the pipelines that are to come fit, besides those that have not ended."""
    name, expected = "quota pipelines", f"room for {need}"
    for fact in (active, limit):
        if isinstance(fact, Unknown):
            return unreadable(name, region, fact, expected)
    found = f"{active} of {limit:g} pipelines in use"
    if active + need <= limit:
        return Check(name, region, OK, found, expected)
    return Check(name, region, REFUSE, found, expected, "ask for more in Service Quotas; it can take days")
