# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The region of a bucket, as every other service calls it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
"""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe

NO_BUCKET = ("NoSuchBucket",)
# What GetBucketLocation calls the two regions that are older than it.
OLD_LOCATIONS = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}


def region_of(answer: dict[str, Any]) -> str:
    """The region in an answer of GetBucketLocation."""
    location = answer.get("LocationConstraint")
    return OLD_LOCATIONS.get(location, location)


@describe("find the region of bucket {bucket}", missing=NO_BUCKET)
def get_bucket_region(s3: Any, bucket: str) -> str | None:
    """None when there is no such bucket."""
    return region_of(s3.get_bucket_location(Bucket=bucket, aws_retry=True))
