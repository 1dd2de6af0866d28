# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of buckets and what tells that one is a copy of another.

Under another KMS key the same content has another ETag. S3's own replication keeps the version id; a copy that this
collection makes carries the ETag that S3 made sure of when it copied.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe

# Name of the metadata of a copy.
COPIED_FROM = "copied-from-etag"


@describe("list the objects of {bucket}")
def read_objects(s3, bucket, prefix=""):
    """Size and ETag of each current version by its key."""
    where = {"Bucket": bucket, **({"Prefix": prefix} if prefix else {})}
    request, found = dict(where), {}
    while True:
        page = s3.list_objects_v2(**request, aws_retry=True)
        found.update((row["Key"], (row["Size"], row["ETag"])) for row in page.get("Contents", []))
        if not page.get("IsTruncated"):
            return found
        request = {**where, "ContinuationToken": page["NextContinuationToken"]}


@describe("read the head of {bucket}/{key}")
def read_head(s3, bucket, key):
    return s3.head_object(Bucket=bucket, Key=key, aws_retry=True)


def plain_etag(etag):
    return (etag or "").strip('"')


def is_copy(original, other):
    """Whether `other` is the same content; both are heads of objects."""
    if original["ContentLength"] != other["ContentLength"]:
        return False
    version = original.get("VersionId")
    if version not in (None, "null") and other.get("VersionId") == version:
        return True
    source = other.get("Metadata", {}).get(COPIED_FROM)
    return bool(source) and source == plain_etag(original.get("ETag"))
