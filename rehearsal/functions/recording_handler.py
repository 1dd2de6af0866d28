# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-recording-handler: an audit row for each recording that arrives in the bucket.

Environment: AUDIT_TABLE, AUDIT_RETENTION_YEARS (7).

Recordings lie under <meeting id>/…; one that does not names no meeting and is filed under UNKNOWN.
"""

import math
import os
from datetime import UTC, datetime
from urllib.parse import unquote_plus

import boto3

KEPT_YEARS_MIN = 7
dynamodb = boto3.client("dynamodb")


def handle(event, context):
    """S3 may send an event twice: the key names the row, so the second changes nothing."""
    rows = [build_row(record) for record in event.get("Records", []) if record["eventName"].startswith("ObjectCreated")]
    for row in rows:
        item = {name: {"N" if isinstance(value, int) else "S": str(value)} for name, value in row.items()}
        dynamodb.put_item(TableName=os.environ["AUDIT_TABLE"], Item=item)
    return {"rows": len(rows)}


def build_row(record):
    key = unquote_plus(record["s3"]["object"]["key"])
    meeting_id, slash, _ = key.partition("/")
    moment = datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00")).astimezone(UTC)
    return {
        "pk": f"MEETING#{meeting_id if slash else 'UNKNOWN'}",
        "sk": f"RECORDING#{key}",
        "action": "RECORDING",
        "bucket": record["s3"]["bucket"]["name"],
        "key": key,
        "bytes": int(record["s3"]["object"].get("size", 0)),
        "timestamp": record["eventTime"],
        "ttl": math.ceil(add_years(moment, kept_years()).timestamp()),
    }


def kept_years():
    """Calendar years for which a row is kept; never fewer than the law of the house asks for."""
    return max(KEPT_YEARS_MIN, int(os.environ.get("AUDIT_RETENTION_YEARS", KEPT_YEARS_MIN)))


def add_years(moment, years):
    """The same day so many years later; the last of February where there is no 29th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
