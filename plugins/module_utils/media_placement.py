# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a meeting's media really is, read from the names of its hosts. Nothing here makes a call.

A host such as C(signal.m1.ec1.app.chime.aws) carries the code of its region as one whole label. AWS does not document
the codes: those here were seen in meetings, and a region without one has an unknown placement, which is never ok.
Members of the placement: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_MediaPlacement.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CODES = {
    "af-south-1": "fs1",
    "ap-northeast-1": "an1",
    "ap-south-1": "ao1",
    "eu-central-1": "ec1",
    "eu-west-1": "ew1",
    "us-east-1": "ue1",
}
MEDIA_URLS = (
    "AudioHostUrl",
    "AudioFallbackUrl",
    "SignalingUrl",
    "ScreenDataUrl",
    "ScreenViewingUrl",
    "ScreenSharingUrl",
)
REQUIRED_URLS = ("AudioHostUrl", "SignalingUrl")
TELEMETRY_URL = "EventIngestionUrl"
MEDIA_DOMAIN = ("app", "chime", "aws")
CODE = re.compile(r"[a-z]{2}[0-9]")
OK, REFUSE, UNKNOWN = "ok", "refuse", "unknown"


@dataclass(frozen=True)
class Verdict:
    """`hosts` by member; `mismatched`, `missing` and `undecided` name members."""

    verdict: str
    hosts: dict[str, str]
    mismatched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    telemetry_code: str | None = None


def host_of(url: str) -> str:
    """The host of an URL; AudioHostUrl has no scheme."""
    rest = url.split("://", 1)[-1]
    return re.split(r"[/?#:]", rest, maxsplit=1)[0].rstrip(".").lower()


def labels_of(host: str) -> tuple[str, ...]:
    return tuple(host.split(".")) if host else ()


def is_media_host(host: str) -> bool:
    labels = labels_of(host)
    return len(labels) > len(MEDIA_DOMAIN) and labels[-len(MEDIA_DOMAIN) :] == MEDIA_DOMAIN


def codes_of(host: str) -> tuple[str, ...]:
    """Labels that are region codes. Only whole labels count: a part of a longer one says nothing."""
    return tuple(label for label in labels_of(host) if CODE.fullmatch(label))


def code_of_region(region: str, expected_code: str | None = None) -> str | None:
    """The code that is expected; None when nobody knows it."""
    return expected_code or CODES.get(region)


def judge_host(host: str, code: str | None) -> str:
    if not is_media_host(host) or code is None:
        return UNKNOWN
    found = codes_of(host)
    if not found:
        return UNKNOWN
    return OK if set(found) == {code} else REFUSE


def judge_placement(placement: Mapping[str, str], region: str, expected_code: str | None = None) -> Verdict:
    """Whether every media host is in `region`. A wrong or missing host beats an undecided one."""
    hosts = {name: host_of(placement[name]) for name in MEDIA_URLS if placement.get(name)}
    code = code_of_region(region, expected_code)
    judged = {name: judge_host(host, code) for name, host in hosts.items()}
    mismatched = tuple(name for name, verdict in judged.items() if verdict == REFUSE)
    undecided = tuple(name for name, verdict in judged.items() if verdict == UNKNOWN)
    missing = tuple(name for name in REQUIRED_URLS if name not in hosts)
    verdict = REFUSE if mismatched or missing else UNKNOWN if undecided else OK
    return Verdict(verdict, hosts, mismatched, missing, undecided, telemetry_code(placement))


def telemetry_code(placement: Mapping[str, str]) -> str | None:
    """The region code of the host that takes the client's events, which need not be where the media is."""
    codes = codes_of(host_of(placement.get(TELEMETRY_URL) or ""))
    return codes[0] if len(codes) == 1 else None
