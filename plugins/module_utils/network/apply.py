# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan. A write is never repeated blindly: after a lost answer the part is looked for first.

EC2 takes an idempotency token for NAT gateways, route tables and endpoints only. A VPC, a subnet, an internet gateway,
an address or a group whose creation was not answered may be there all the same, so the client that writes does not
retry by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import groupby
from typing import Any

try:
    from botocore.config import Config
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    UNANSWERED: tuple = (ConnectionError, HTTPClientError)
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError, UNANSWERED = Exception, ()

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import THROTTLE_CODES, describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import error_code
from ansible_collections.medzen.multiregion.plugins.module_utils.network.plan import Action, Ref

PAUSES_S = (0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 10.0)
REFUSED_FOR_NOW = {*THROTTLE_CODES, "RequestLimitExceeded", "Throttling", "TooManyRequestsException"}
# Where the id of what was made stands in the answer.
ID_PATHS = {
    "vpc": ("Vpc", "VpcId"),
    "subnet": ("Subnet", "SubnetId"),
    "gateway": ("InternetGateway", "InternetGatewayId"),
    "group": ("GroupId",),
    "address": ("AllocationId",),
    "nat": ("NatGateway", "NatGatewayId"),
    "table": ("RouteTable", "RouteTableId"),
    "endpoint": ("VpcEndpoint", "VpcEndpointId"),
}
TOKEN_OPERATIONS = {"create_nat_gateway", "create_route_table", "create_vpc_endpoint"}
# How to look for what an unanswered creation may have made: operation, list, and the filter that takes the name.
LOOKS = {
    "create_vpc": ("describe_vpcs", "Vpcs", "tag:Name"),
    "create_subnet": ("describe_subnets", "Subnets", "tag:Name"),
    "create_internet_gateway": ("describe_internet_gateways", "InternetGateways", "tag:Name"),
    "create_security_group": ("describe_security_groups", "SecurityGroups", "group-name"),
    "allocate_address": ("describe_addresses", "Addresses", "tag:Name"),
}
# What EC2 answers when an unanswered call had worked after all.
DONE_BEFORE = {
    "authorize_security_group_ingress": "InvalidPermission.Duplicate",
    "create_route": "RouteAlreadyExists",
    "attach_internet_gateway": "Resource.AlreadyAssociated",
    "associate_route_table": "Resource.AlreadyAssociated",
}


class SingleTryClients(Clients):
    """Clients that also come as one that sends every call once."""

    def once(self, service: str) -> Any:
        config = self._config.merge(Config(retries={"total_max_attempts": 1}))
        return self._session.client(
            service, region_name=self.region, endpoint_url=self._endpoint, config=config, **self._parameters
        )


class Builder:
    """Carries out actions, each level side by side, and knows the ids of what it has made."""

    def __init__(
        self, writer: Any, reader: Any, ids: dict[str, str], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`writer` sends every call once; `reader` repeats its own when told to."""
        self._writer, self._reader, self._sleep = writer, reader, sleep
        self.ids = dict(ids)
        self.made: set[str] = set()
        self.done: list[str] = []

    def apply(self, actions: list[Action]) -> None:
        """The actions in the order of their levels; the first error is raised when its level has ended."""
        for _level, group in groupby(actions, key=lambda action: action.level):
            in_parallel(self.perform, group)

    def perform(self, action: Action) -> None:
        parameters = resolve(action.parameters, self.ids)
        if action.operation in TOKEN_OPERATIONS:
            parameters["ClientToken"] = token(action.operation, action.makes, parameters.get("VpcId", ""))
        found = self._carry_out(action.text, action, parameters)
        if action.makes:
            self.ids[action.makes] = found
            self.made.add(action.makes)
        self.done.append(action.text)

    @describe("{text}")
    def _carry_out(self, text: str, action: Action, parameters: dict[str, Any]) -> str | None:
        """The id of what was made. What the last try meets is raised."""
        lost = False
        for pause in PAUSES_S:
            try:
                return self._call(action, parameters)
            except UNANSWERED:
                lost = True
            except ClientError as error:
                if lost and error_code(error) == DONE_BEFORE.get(action.operation, "-"):
                    return None
                if not self._is_worth_another_try(error, action):
                    raise
                lost = lost or is_unknown(error)
            self._sleep(pause)
            found = self._look(action, parameters) if lost else None
            if found is not None:
                return found
        return self._call(action, parameters)

    def _call(self, action: Action, parameters: dict[str, Any]) -> str | None:
        answer = getattr(self._writer, action.operation)(**parameters)
        if not action.makes:
            return None
        for name in ID_PATHS[action.makes.partition(":")[0]]:
            answer = answer[name]
        return answer

    def _is_worth_another_try(self, error: Exception, action: Action) -> bool:
        """Throttled, not answered properly, or about something so new that EC2 does not know it everywhere yet."""
        code = error_code(error) or ""
        new = any(key in self.made for key in iter_keys(action.parameters))
        return code in REFUSED_FOR_NOW or is_unknown(error) or (new and code.endswith("NotFound"))

    def _look(self, action: Action, parameters: dict[str, Any]) -> str | None:
        """The id of the part if the call that was not answered has made it."""
        if action.operation not in LOOKS:
            return None
        operation, key, by = LOOKS[action.operation]
        filters = [{"Name": by, "Values": [action.name]}]
        if "VpcId" in parameters:
            filters.append({"Name": "vpc-id", "Values": [parameters["VpcId"]]})
        items = getattr(self._reader, operation)(Filters=filters, aws_retry=True)[key]
        id_name = ID_PATHS[action.makes.partition(":")[0]][-1]
        return next((item[id_name] for item in items if not is_taken(item)), None)


def is_taken(item: dict) -> bool:
    """An address or an internet gateway that serves something else already."""
    return bool(item.get("AssociationId") or item.get("Attachments"))


def is_unknown(error: Exception) -> bool:
    """AWS failed: whether it did what was asked is not known. EC2 throttles with a 503, and then has done nothing."""
    response = getattr(error, "response", {})
    return (
        error_code(error) not in REFUSED_FOR_NOW
        and response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
    )


def resolve(value: Any, ids: dict[str, str]) -> Any:
    """The value with the ids of the parts that it names."""
    if isinstance(value, Ref):
        return ids[value.key]
    if isinstance(value, dict):
        return {key: resolve(item, ids) for key, item in value.items()}
    return [resolve(item, ids) for item in value] if isinstance(value, list) else value


def iter_keys(value: Any) -> list[str]:
    """The keys of the parts that a value names."""
    if isinstance(value, Ref):
        return [value.key]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [key for item in items for key in iter_keys(item)]
