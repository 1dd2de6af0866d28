#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: s3_objects_copy
version_added: 1.0.0
short_description: Bring the objects of a bucket into a bucket of another region that lacks them
description:
  - Copies the current version of each object that O(copy_bucket) has not, within S3. Replication copies only what is
    written after it was set up; this brings the rest, and what a region holds that never replicated.
  - Nothing is ever overwritten. An object that is in both buckets with another content refuses the task before anything
    is written.
  - A copy has the content that was listed, or S3 refuses it. It carries the original's metadata, and its ETag as
    C(copied-from-etag), since the same content has another ETag under another KMS key. It is encrypted as
    O(copy_bucket) encrypts new objects.
  - Earlier versions and delete markers are left where they are.
  - Operations used are C(s3:GetBucketLocation), C(s3:ListObjectsV2), C(s3:HeadObject) and C(s3:CopyObject), for objects
    over 5 GiB also C(s3:CreateMultipartUpload), C(s3:UploadPartCopy) and C(s3:CompleteMultipartUpload). IAM permissions
    are C(s3:GetBucketLocation) and C(s3:ListBucket) on both buckets, C(s3:GetObject) and C(s3:GetObjectTagging) on the
    one, C(s3:PutObject), C(s3:PutObjectTagging) and C(s3:GetObject) on the other, and C(kms:Decrypt) and
    C(kms:GenerateDataKey) on their keys.
author:
  - MedZen platform team (@medzen)
options:
  bucket:
    description:
      - Bucket whose objects are brought over. One that is not there has nothing to bring.
    type: str
    required: true
  source_region:
    description:
      - Region of O(bucket).
    type: str
    required: true
  copy_bucket:
    description:
      - Bucket of O(region) that takes the copies.
    type: str
    required: true
  prefix:
    description:
      - Beginning of the keys that count; all of them where it is empty.
    type: str
    default: ""
  max_objects:
    description:
      - More missing objects than this are refused. S3 Batch Replication is made for them.
    type: int
    default: 10000
extends_documentation_fragment:
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
    description: A second run with the same options changes nothing.
    support: full
notes:
  - S3 tells a bucket's notifications of a copy as V(s3:ObjectCreated:Copy); of one over 5 GiB, which also loses its
    tags, as V(s3:ObjectCreated:CompleteMultipartUpload).
seealso:
  - module: medzen.multiregion.copies_info
  - module: medzen.multiregion.s3_private_bucket
"""

EXAMPLES = r"""
- name: Bring the recordings of the region that is left to the one that stays
  medzen.multiregion.s3_objects_copy:
    region: eu-central-1
    bucket: medzen-meeting-recordings-123456789012-af-south-1
    source_region: af-south-1
    copy_bucket: medzen-meeting-recordings-123456789012-eu-central-1
"""

RETURN = r"""
object_count:
  description: How many objects O(bucket) holds.
  type: int
  returned: always
copied_count:
  description: How many of them were copied; in check mode, would be.
  type: int
  returned: always
copied_bytes:
  description: Their size together.
  type: int
  returned: always
"""

import contextlib

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import get_bucket_region
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.object_copies import (
    COPIED_FROM,
    is_copy,
    plain_etag,
    read_head,
    read_objects,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from boto3.s3.transfer import TransferConfig

# CopyObject takes no more; boto3 copies larger ones in parts.
SINGLE_COPY_BYTES_MAX = 5 * 1024**3
KEPT_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
NAMED_MAX = 10


@describe("copy {bucket}/{key} to {copy_bucket}")
def copy_object(connections, bucket, key, copy_bucket, arguments):
    here, there = connections
    here.copy(
        CopySource={"Bucket": bucket, "Key": key},
        Bucket=copy_bucket,
        Key=key,
        ExtraArgs=arguments,
        SourceClient=there,
        Config=TransferConfig(multipart_threshold=SINGLE_COPY_BYTES_MAX, use_threads=False),
        aws_retry=True,
    )


def build_arguments(head):
    """A copy's metadata; S3 refuses to copy another content than the one that was listed."""
    etag = plain_etag(head["ETag"])
    return {
        "CopySourceIfMatch": head["ETag"],
        "MetadataDirective": "REPLACE",
        "Metadata": {**head.get("Metadata", {}), COPIED_FROM: etag},
        **{name: head[name] for name in KEPT_HEADERS if head.get(name)},
    }


def check_options(module):
    params = module.params
    if params["source_region"] == module.region or params["bucket"] == params["copy_bucket"]:
        raise Refused(
            "A bucket has no copy in itself or in its own region",
            found=f"{params['bucket']} in {params['source_region']}, {params['copy_bucket']} in {module.region}",
            expected="two buckets in two regions",
            next_step="name the bucket of the region that stays in copy_bucket",
            result={"reason": "invalid_option"},
        )


def check_region(bucket, region, expected):
    if region != expected:
        raise Refused(
            f"Bucket {bucket} is not where it is said to be",
            found=region or "no such bucket",
            expected=f"a bucket in {expected}",
            next_step="make it first, or correct the options",
            result={"reason": "other_region" if region else "target_missing"},
        )


def find_different(connections, names, objects, held):
    """Keys of both buckets that are not the same object."""
    here, there = connections
    doubtful = [key for key, content in objects.items() if held.get(key, content) != content]
    return sorted(
        key for key in doubtful if not is_copy(read_head(there, names[0], key), read_head(here, names[1], key))
    )


def check_same(names, different):
    if different:
        raise Refused(
            f"Objects of {names[0]} and {names[1]} have the same key and another content",
            found=f"{len(different)}, as {', '.join(different[:NAMED_MAX])}",
            expected="none; nothing is overwritten",
            next_step="compare these objects, give one of each pair another key, and run again",
            result={"reason": "different_objects", "different": different[:NAMED_MAX]},
        )


def check_number(missing, most):
    if len(missing) > most:
        raise Refused(
            "There are too many objects to be copied one by one",
            found=f"{len(missing)} objects are missing",
            expected=f"at most {most}",
            next_step="let S3 Batch Replication copy them, or raise max_objects",
            result={"reason": "too_many", "missing_count": len(missing)},
        )


def build_result(objects, missing):
    return {
        "changed": bool(missing),
        "object_count": len(objects),
        "copied_count": len(missing),
        "copied_bytes": sum(objects[key][0] for key in missing),
        "diff": {"before": {"objects_missing": len(missing)}, "after": {"objects_missing": 0}},
    }


def copy_missing(connections, names, missing):
    bucket, copy_bucket = names
    for key in missing:
        head = read_head(connections[1], bucket, key)
        copy_object(connections, bucket, key, copy_bucket, build_arguments(head))


def ensure(module):
    check_options(module)
    params, names = module.params, (module.params["bucket"], module.params["copy_bucket"])
    connections = client(module, "s3"), client(module, "s3", params["source_region"])
    source_region, target_region = (
        get_bucket_region(one, name) for one, name in zip(reversed(connections), names, strict=True)
    )
    if source_region is None:
        return build_result({}, [])
    check_region(names[0], source_region, params["source_region"])
    objects = read_objects(connections[1], names[0], params["prefix"])
    if target_region is None and module.check_mode:
        # It may be made in the same play.
        return build_result(objects, list(objects))
    check_region(names[1], target_region, module.region)
    held = read_objects(connections[0], names[1], params["prefix"])
    missing = sorted(key for key in objects if key not in held)
    check_same(names, find_different(connections, names, objects, held))
    check_number(missing, params["max_objects"])
    if not module.check_mode:
        copy_missing(connections, names, missing)
    return build_result(objects, missing)


def main():
    argument_spec = {
        "bucket": {"required": True},
        "source_region": {"required": True},
        "copy_bucket": {"required": True},
        "prefix": {"default": ""},
        "max_objects": {"type": "int", "default": 10000},
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
