# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight of recordings reads. Each read gives its fact; `preflight_reads.look` makes Unknown of a failure.

Absence is a code of its own for each setting of a bucket; a refusal is none of them.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import media_capture
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Quota
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight_reads import read_limit

REFUSED = ("AccessDenied", "403")
QUOTA_SERVICE = "chime"


@describe("compare the owner of bucket {bucket} with {account}")
def ask_as_owner(s3: Any, bucket: str, account: str) -> bool:
    s3.get_bucket_location(Bucket=bucket, ExpectedBucketOwner=account, aws_retry=True)
    return True


def is_owned(s3: Any, bucket: str, account: str) -> bool:
    """S3 answers a wrong owner with the code of a missing permission: it counts only where the same question without
    an owner was answered before."""
    try:
        return ask_as_owner(s3, bucket, account)
    except AwsError as error:
        if error.code in REFUSED:
            return False
        raise


@describe("read the policy of bucket {bucket}", missing=("NoSuchBucketPolicy",))
def read_policy(s3: Any, bucket: str) -> str | None:
    return s3.get_bucket_policy(Bucket=bucket, aws_retry=True)["Policy"]


@describe("read the encryption of bucket {bucket}", missing=("ServerSideEncryptionConfigurationNotFoundError",))
def read_encryption(s3: Any, bucket: str) -> dict | None:
    answer = s3.get_bucket_encryption(Bucket=bucket, aws_retry=True)
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return rules[0] if rules else None


@describe("read the Object Lock of bucket {bucket}", missing=("ObjectLockConfigurationNotFoundError",))
def read_object_lock(s3: Any, bucket: str) -> dict | None:
    return s3.get_object_lock_configuration(Bucket=bucket, aws_retry=True)["ObjectLockConfiguration"]


@describe("read the lifecycle of bucket {bucket}", missing=("NoSuchLifecycleConfiguration",))
def read_lifecycle(s3: Any, bucket: str) -> list[dict] | None:
    return s3.get_bucket_lifecycle_configuration(Bucket=bucket, aws_retry=True)["Rules"]


@describe("read the policy of key {identifier}")
def read_key_policy(kms: Any, identifier: str) -> str:
    """KMS takes an identifier or ARN here, no alias."""
    return kms.get_key_policy(KeyId=identifier, PolicyName="default", aws_retry=True)["Policy"]


@describe("read role {name}", missing=("NoSuchEntity",))
def read_role(iam: Any, name: str) -> dict | None:
    return iam.get_role(RoleName=name, aws_retry=True)["Role"]


def count_active(pipelines: Any) -> int:
    return sum(not media_capture.is_ended(one) for one in media_capture.read_pipelines(pipelines))


def read_quota(clients: Clients, region: str, code: str) -> float:
    return read_limit(clients, region, Quota("pipelines", "media pipelines", QUOTA_SERVICE, code))
