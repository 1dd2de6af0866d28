# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a service has an endpoint at all; a call to it anywhere else gets no answer.

AWS has no host name there, so a client meets an error of the name service. The stand-in has one address for everything
and can always be resolved; the nearest that it can do is to drop the connection. botocore takes both alike: it tries
again as often, and raises a BotoCoreError without a code (EndpointConnectionError there, ConnectionClosedError here).
An error answer would be kinder than AWS: code that only expects ClientError would pass here and fail there.

https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html, by botocore's endpoint table.
"""

from __future__ import annotations

import functools

from boto3 import Session

from rehearsal.cloud.errors import NoEndpoint
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World

# Services without rows of their own in botocore's table, and whose rows they share.
SAME_AS = {"bedrock-runtime": "bedrock", "bedrock-agent": "bedrock", "bedrock-agent-runtime": "bedrock"}


# A session of boto3 costs more than all that is asked of it.
endpoint_table = functools.cache(Session)


@functools.cache
def endpoint_regions(service: str) -> frozenset[str]:
    """Regions of the commercial partition in which the service has an endpoint."""
    return frozenset(endpoint_table().get_available_regions(SAME_AS.get(service, service)))


def exists(service: str, region: str) -> bool:
    """Whether a client can reach the service in this region."""
    return region in endpoint_regions(service)


def require_endpoints(world: World, *services: str) -> None:
    """From now on these services exist only where AWS has an endpoint of theirs."""

    def check(call: Call) -> None:
        if call.service in services and not exists(call.service, call.region):
            there = ", ".join(sorted(endpoint_regions(call.service)))
            raise NoEndpoint(f"{call.service} does not exist in {call.region}; it does in {there}.")

    world.operations.every_call.append(check)
