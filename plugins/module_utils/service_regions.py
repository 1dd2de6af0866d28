# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a service has an endpoint at all.

boto3 builds a client for any region; where the service does not exist, the call ends in an error of the name service.
botocore's endpoint table is asked first. It knows nothing of C(bedrock-runtime) and the agents, which stand where
C(bedrock) does. Source: botocore's endpoints.json, checked against 1.44.5.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    import botocore.session

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

# Services without rows of their own in the table, and whose rows they share.
SAME_AS = {"bedrock-runtime": "bedrock", "bedrock-agent": "bedrock", "bedrock-agent-runtime": "bedrock"}
# Option of modules that ask here first (fragment medzen.multiregion.service_regions).
ARGUMENTS = {"extra_regions": {"type": "list", "elements": "str", "default": []}}
PARTITIONS = ("aws", "aws-us-gov", "aws-cn")


@functools.cache
def endpoint_regions(service: str) -> tuple[str, ...]:
    """Regions of every partition in which botocore knows an endpoint of the service, sorted."""
    session = botocore.session.get_session()
    name = SAME_AS.get(service, service)
    return tuple(sorted(one for part in PARTITIONS for one in session.get_available_regions(name, part)))


def has_endpoint(service: str, region: str, extra_regions: Iterable[str] = ()) -> bool:
    """`extra_regions` names regions that are newer than the installed botocore."""
    return region in endpoint_regions(service) or region in set(extra_regions)


def require_region(service: str, region: str, extra_regions: Iterable[str] = ()) -> None:
    """Refuse a region in which the service does not exist, with the list of those in which it does."""
    if not has_endpoint(service, region, extra_regions):
        raise Refused(
            f"{service} does not exist in {region}",
            found=f"no endpoint of {service} in {region}",
            expected=f"one of {', '.join(endpoint_regions(service))}",
            next_step="choose another region; name one that is newer than the installed botocore in extra_regions",
            result={"reason": "region_unsupported", "supported_regions": list(endpoint_regions(service))},
        )
