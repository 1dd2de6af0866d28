# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a meeting's media runs, and the host names that say so.

https://docs.aws.amazon.com/chime-sdk/latest/dg/chime-sdk-meetings-regions.html (media regions);
host names as in public samples of CreateMeeting's answer, such as those in the issues of aws/amazon-chime-sdk-js.
"""

from __future__ import annotations

import zlib

# Any control region can ask for any of these; eu-west-1 is one of them and has no control endpoint.
MEDIA_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
# Seen in samples. AWS's codes cannot be derived from a region's name.
HOST_CODES = {
    "us-east-1": "ue1",
    "eu-central-1": "ec1",
    "eu-west-1": "ew1",
    "af-south-1": "fs1",
    "ap-south-1": "ao1",
    "ap-northeast-1": "an1",
}
# The last four digits of a meeting's identifier name the cell that controls it; seen in samples as well.
CELLS = {"us-east-1": "2713", "eu-central-1": "7979"}
# Events of clients go there wherever the meeting is.
EVENT_INGESTION_URL = "https://data.svc.ue1.ingest.chime.aws/v1/client-events"


def host_code(region: str) -> str:
    """A region's label in media hosts; where no sample shows AWS's, one that nobody can take for AWS's."""
    return HOST_CODES.get(region, region.replace("-", ""))


def cell(control_region: str) -> str:
    return CELLS.get(control_region) or f"{zlib.crc32(control_region.encode()) & 0xFFFF:04x}"


def build_placement(meeting_id: str, control_region: str, hosts_region: str) -> dict[str, str]:
    """The media URLs of a meeting that is controlled in one region and has its hosts in another."""
    domain = f"m2.{host_code(hosts_region)}.app.chime.aws"
    screen = f"wss://bitpw.{domain}:443/v2/screen/{meeting_id}"
    viewer = f"wss://bitpw.{domain}:443/ws/connect?passcode=null&viewer_uuid=null&X-BitHub-Call-Id={meeting_id}"
    return {
        "AudioHostUrl": f"{meeting_id.replace('-', '')}.k.{domain}:3478",
        "AudioFallbackUrl": f"wss://haxrp.{domain}:443/calls/{meeting_id}",
        "SignalingUrl": f"wss://signal.{domain}/control/{meeting_id}",
        "TurnControlUrl": f"https://{cell(control_region)}.cell.{control_region}.meetings.chime.aws/v2/turn_sessions",
        "ScreenDataUrl": screen,
        "ScreenViewingUrl": viewer,
        "ScreenSharingUrl": screen,
        "EventIngestionUrl": EVENT_INGESTION_URL,
    }
