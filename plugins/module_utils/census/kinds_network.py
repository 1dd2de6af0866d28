# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network: VPCs and all that lies in them. What AWS made by itself (default VPC, default groups) is no item."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETE,
    DELETING,
    LIVE,
    WAIT,
    Blocked,
    Item,
    Kind,
    Place,
    key,
    register,
    stack_of,
    tag_dict,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError

GONE = ("deleted", "rejected", "failed", "expired")


def default_vpcs(place: Place) -> set[str]:
    found = paginate(place.client("ec2"), "describe_vpcs", "Vpcs")
    return {raw["VpcId"] for raw in found if raw.get("IsDefault")}


def network_item(kind: str, raw: dict, id_field: str, *, uses: tuple[str, ...] = (), **more) -> Item:
    """An item of EC2's: the id is its name when it has no Name tag; it belongs to its VPC."""
    tags = tag_dict(raw.get("Tags"))
    identifier = raw[id_field]
    vpc = (key("vpc", raw["VpcId"]),) if raw.get("VpcId") and id_field != "VpcId" else ()
    belongs = (*vpc, *more.pop("belongs_to", ()), *stack_of(tags))
    name = tags.get("Name", identifier)
    return Item(kind, identifier, name, tags=tags, belongs_to=belongs, uses=(*vpc, *uses), **more)


def lister(what: str, operation: str, answer_key: str, build: Callable[[dict], Item | None]):
    """A lister of one EC2 listing; `build` returns None for what AWS owns or what is gone already."""

    @describe(f"list {what}")
    def list_items(place: Place) -> list[Item]:
        default = default_vpcs(place)
        found = paginate(place.client("ec2"), operation, answer_key)
        items = (build(raw) for raw in found if raw.get("VpcId") not in default)
        return [item for item in items if item is not None]

    return list_items


def vpc_item(raw: dict) -> Item:
    return network_item("vpc", raw, "VpcId", facts={"cidr": raw.get("CidrBlock")})


@describe("delete VPC {item.id}", missing=("InvalidVpcID.NotFound",))
def delete_vpc(place: Place, item: Item) -> str:
    place.client("ec2").delete_vpc(VpcId=item.id, aws_retry=True)
    return "deleted"


def subnet_item(raw: dict) -> Item:
    return network_item("subnet", raw, "SubnetId")


@describe("delete subnet {item.id}", missing=("InvalidSubnetID.NotFound",))
def delete_subnet(place: Place, item: Item) -> str:
    place.client("ec2").delete_subnet(SubnetId=item.id, aws_retry=True)
    return "deleted"


@describe("list internet gateways")
def list_internet_gateways(place: Place) -> list[Item]:
    default = default_vpcs(place)
    found = paginate(place.client("ec2"), "describe_internet_gateways", "InternetGateways")
    return [internet_gateway_item(raw) for raw in found if not default & set(attached(raw))]


def attached(raw: dict) -> list[str]:
    return [one["VpcId"] for one in raw.get("Attachments", [])]


def internet_gateway_item(raw: dict) -> Item:
    vpcs = attached(raw)
    own = tuple(key("vpc", one) for one in vpcs)
    return network_item("internet_gateway", raw, "InternetGatewayId", belongs_to=own, uses=own, facts={"vpcs": vpcs})


def delete_internet_gateway(place: Place, item: Item) -> str:
    """EC2 detaches none whose network has public addresses: they are looked for before it is asked."""
    if holders := public_interfaces(place, item):
        raise Blocked("its network has mapped public addresses", "; ".join(holders))
    for vpc in item.facts["vpcs"]:
        detach_gateway(place, item.id, vpc)
    delete_gateway(place, item.id)
    return "detached and deleted"


@describe("list network interfaces behind internet gateway {item.id}")
def public_interfaces(place: Place, item: Item) -> list[str]:
    """Network interfaces with a public address in the gateway's networks, in words: only these hold it."""
    return [
        f"network interface {raw['NetworkInterfaceId']} with {raw['Association']['PublicIp']} ({interface_owner(raw)})"
        for vpc in item.facts["vpcs"]
        for raw in paginate(
            place.client("ec2"),
            "describe_network_interfaces",
            "NetworkInterfaces",
            Filters=[{"Name": "vpc-id", "Values": [vpc]}],
        )
        if (raw.get("Association") or {}).get("PublicIp")
    ]


GATEWAY_MISSING = ("Gateway.NotAttached", "InvalidInternetGatewayID.NotFound")


@describe("detach internet gateway {gateway} from {vpc}", missing=GATEWAY_MISSING)
def detach_gateway(place: Place, gateway: str, vpc: str) -> None:
    place.client("ec2").detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc, aws_retry=True)


@describe("delete internet gateway {gateway}", missing=("InvalidInternetGatewayID.NotFound",))
def delete_gateway(place: Place, gateway: str) -> None:
    place.client("ec2").delete_internet_gateway(InternetGatewayId=gateway, aws_retry=True)


def nat_gateway_item(raw: dict) -> Item | None:
    if raw.get("State") in GONE:  # stays listed for an hour
        return None
    addresses = [one.get("AllocationId") for one in raw.get("NatGatewayAddresses", [])]
    uses = [key("elastic_ip", address) for address in addresses if address]
    uses += [key("subnet", raw["SubnetId"])] if raw.get("SubnetId") else []
    state = DELETING if raw.get("State") == "deleting" else LIVE
    return network_item("nat_gateway", raw, "NatGatewayId", uses=tuple(uses), state=state)


@describe("delete NAT gateway {item.id}", missing=("NatGatewayNotFound",))
def delete_nat_gateway(place: Place, item: Item) -> str:
    place.client("ec2").delete_nat_gateway(NatGatewayId=item.id, aws_retry=True)
    return "deletion asked for"


@describe("list addresses")
def list_addresses(place: Place) -> list[Item]:
    client = place.client("ec2")
    holders = nat_gateways_by_address(paginate(client, "describe_nat_gateways", "NatGateways"))
    found = client.describe_addresses(aws_retry=True)["Addresses"]
    return [address_item(raw, holders) for raw in found if raw.get("AllocationId")]


def nat_gateways_by_address(found: list[dict]) -> dict[str, str]:
    return {
        one["AllocationId"]: raw["NatGatewayId"]
        for raw in found
        for one in raw.get("NatGatewayAddresses", [])
        if one.get("AllocationId") and raw.get("State") not in GONE
    }


def address_item(raw: dict, holders: dict[str, str]) -> Item:
    holder = holders.get(raw["AllocationId"])
    belongs = (key("nat_gateway", holder),) if holder else ()
    note = f"public address {raw.get('PublicIp')}"
    return network_item("elastic_ip", raw, "AllocationId", belongs_to=belongs, note=note)


@describe("release address {item.id}", missing=("InvalidAllocationID.NotFound",))
def delete_address(place: Place, item: Item) -> str:
    place.client("ec2").release_address(AllocationId=item.id, aws_retry=True)
    return "released"


def route_table_item(raw: dict) -> Item | None:
    associations = raw.get("Associations", [])
    if any(one.get("Main") for one in associations):  # goes with its VPC
        return None
    uses = tuple(key("subnet", one["SubnetId"]) for one in associations if one.get("SubnetId"))
    ids = [one["RouteTableAssociationId"] for one in associations if one.get("RouteTableAssociationId")]
    return network_item("route_table", raw, "RouteTableId", uses=uses, facts={"associations": ids})


def delete_route_table(place: Place, item: Item) -> str:
    for association in item.facts["associations"]:
        disassociate_route_table(place, association)
    delete_table(place, item.id)
    return "disassociated and deleted"


@describe("disassociate route table ({association})", missing=("InvalidAssociationID.NotFound",))
def disassociate_route_table(place: Place, association: str) -> None:
    place.client("ec2").disassociate_route_table(AssociationId=association, aws_retry=True)


@describe("delete route table {identifier}", missing=("InvalidRouteTableID.NotFound",))
def delete_table(place: Place, identifier: str) -> None:
    place.client("ec2").delete_route_table(RouteTableId=identifier, aws_retry=True)


def security_group_item(raw: dict) -> Item | None:
    if raw.get("GroupName") == "default":  # goes with its VPC
        return None
    tagged = network_item("security_group", raw, "GroupId", facts=group_rules(raw))
    return tagged if "Name" in tagged.tags else Item(**{**vars(tagged), "name": raw.get("GroupName", tagged.id)})


def group_rules(raw: dict) -> dict:
    """The rules that name other groups: they hold those groups in place."""
    return {
        side: [rule for rule in raw.get(field, []) if rule.get("UserIdGroupPairs")]
        for side, field in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
    }


def delete_security_group(place: Place, item: Item) -> str:
    """A group that others name waits for them; of groups that name each other in a circle the rules go first.

    What no listing of its own network shows is EC2's refusal to tell; then its rules that name others go as well.
    """
    found = groups_beside(place, item)
    if is_in_circle({raw["GroupId"]: named_groups(raw) for raw in found}, item.id):
        return take_out_rules(place, item)
    if holders := naming_groups(found, item.id):
        raise Blocked("rules of other groups name it", "; ".join(holders))
    try:
        delete_group(place, item.id)
    except AwsError as error:
        if error.code != "DependencyViolation" or not (item.facts["ingress"] or item.facts["egress"]):
            raise
        return take_out_rules(place, item)
    return "deleted"


@describe("list security groups")
def groups_beside(place: Place, item: Item) -> list[dict]:
    """The groups of the item's network, itself among them: a rule of another network holds nothing."""
    found = paginate(place.client("ec2"), "describe_security_groups", "SecurityGroups")
    networks = {raw["GroupId"]: raw.get("VpcId") for raw in found}
    return [raw for raw in found if raw.get("VpcId") == networks.get(item.id)]


def naming_groups(found: list[dict], group: str) -> list[str]:
    """Those of the found ones whose rules name the group, in words."""
    return [
        f"security group {raw['GroupId']} ({raw.get('GroupName')}) names it in a rule"
        for raw in found
        if raw["GroupId"] != group and group in named_groups(raw)
    ]


def named_groups(raw: dict) -> set[str]:
    rules = [*raw.get("IpPermissions", []), *raw.get("IpPermissionsEgress", [])]
    return {pair.get("GroupId", "") for rule in rules for pair in rule.get("UserIdGroupPairs", [])}


def is_in_circle(names: dict[str, set[str]], group: str) -> bool:
    """Whether a group is named by one that it names, also over others; that it names itself holds nothing."""
    seen: set[str] = set()
    left = names.get(group, set()) - {group}
    while left:
        seen |= left
        left = set().union(*(names.get(one, set()) - {one} for one in left)) - seen
    return group in seen


def take_out_rules(place: Place, item: Item) -> str:
    revoke_rules(place, item.id, item.facts["ingress"], item.facts["egress"])
    return "rules that name other groups taken out"


@describe("revoke rules of security group {group}", missing=("InvalidGroup.NotFound",))
def revoke_rules(place: Place, group: str, ingress: list[dict], egress: list[dict]) -> None:
    client = place.client("ec2")
    if ingress:
        client.revoke_security_group_ingress(GroupId=group, IpPermissions=ingress, aws_retry=True)
    if egress:
        client.revoke_security_group_egress(GroupId=group, IpPermissions=egress, aws_retry=True)


@describe("delete security group {group}", missing=("InvalidGroup.NotFound",))
def delete_group(place: Place, group: str) -> None:
    place.client("ec2").delete_security_group(GroupId=group, aws_retry=True)


def network_interface_item(raw: dict) -> Item:
    """Only a detached interface that no service manages is ours to delete; the others go with their owner."""
    ours = raw.get("Status") == "available" and not raw.get("RequesterManaged")
    uses = [key("security_group", one["GroupId"]) for one in raw.get("Groups", [])]
    uses += [key("subnet", raw["SubnetId"])] if raw.get("SubnetId") else []
    return network_item(
        "network_interface",
        raw,
        "NetworkInterfaceId",
        uses=tuple(uses),
        action=DELETE if ours else WAIT,
        note=interface_owner(raw),
    )


def interface_owner(raw: dict) -> str:
    """Whose interface it is, in the words that the console shows as well."""
    owner = raw.get("RequesterId") or raw.get("InterfaceType") or "nobody"
    return f"{raw.get('Status', 'unknown')}, owner {owner}, {raw.get('Description') or 'no description'}"


@describe("delete network interface {item.id}", missing=("InvalidNetworkInterfaceID.NotFound",))
def delete_network_interface(place: Place, item: Item) -> str:
    place.client("ec2").delete_network_interface(NetworkInterfaceId=item.id, aws_retry=True)
    return "deleted"


def deleted_as_answered(answer: dict) -> bool:
    """False when it was gone before. These calls answer 200 for what they did not delete as well."""
    for failure in answer.get("Unsuccessful") or []:
        error = failure.get("Error") or {}
        code = error.get("Code") or "without a code"
        if not code.endswith("NotFound"):
            raise Blocked(f"EC2 refuses: {code} {error.get('Message') or ''}".strip())
        return False
    return True


@describe("list flow logs")
def list_flow_logs(place: Place) -> list[Item]:
    return [flow_log_item(raw) for raw in paginate(place.client("ec2"), "describe_flow_logs", "FlowLogs")]


def flow_log_item(raw: dict) -> Item:
    group = raw.get("LogGroupName")
    uses = (key("log_group", group),) if group else ()
    belongs = (key("vpc", raw["ResourceId"]),) if str(raw.get("ResourceId", "")).startswith("vpc-") else ()
    return network_item("flow_log", raw, "FlowLogId", belongs_to=belongs, uses=uses)


@describe("delete flow log {item.id}", missing=("InvalidFlowLogId.NotFound",))
def delete_flow_log(place: Place, item: Item) -> str | None:
    answer = place.client("ec2").delete_flow_logs(FlowLogIds=[item.id], aws_retry=True)
    return "deleted" if deleted_as_answered(answer) else None


def endpoint_item(raw: dict) -> Item | None:
    state = str(raw.get("State", "")).lower()
    if state in GONE:
        return None
    uses = [key("subnet", one) for one in raw.get("SubnetIds", [])]
    uses += [key("security_group", one["GroupId"]) for one in raw.get("Groups", [])]
    uses += [key("route_table", one) for one in raw.get("RouteTableIds", [])]
    return network_item(
        "vpc_endpoint", raw, "VpcEndpointId", uses=tuple(uses), state=DELETING if state == "deleting" else LIVE
    )


@describe("delete VPC endpoint {item.id}", missing=("InvalidVpcEndpointId.NotFound",))
def delete_endpoint(place: Place, item: Item) -> str | None:
    answer = place.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[item.id], aws_retry=True)
    return "deletion asked for" if deleted_as_answered(answer) else None


@describe("list VPC peerings")
def list_peerings(place: Place) -> list[Item]:
    found = paginate(place.client("ec2"), "describe_vpc_peering_connections", "VpcPeeringConnections")
    return [peering_item(raw) for raw in found if (raw.get("Status") or {}).get("Code") not in GONE]


def peering_item(raw: dict) -> Item:
    sides = [raw.get("RequesterVpcInfo") or {}, raw.get("AccepterVpcInfo") or {}]
    belongs = tuple(key("vpc", side["VpcId"]) for side in sides if side.get("VpcId"))
    state = DELETING if (raw.get("Status") or {}).get("Code") == "deleting" else LIVE
    return network_item("vpc_peering", raw, "VpcPeeringConnectionId", belongs_to=belongs, state=state)


@describe("delete VPC peering {item.id}", missing=("InvalidVpcPeeringConnectionID.NotFound",))
def delete_peering(place: Place, item: Item) -> str:
    place.client("ec2").delete_vpc_peering_connection(VpcPeeringConnectionId=item.id, aws_retry=True)
    return "deletion asked for"


RUNNING = ("ecs_service", "lambda_function", "load_balancer", "rds_instance")

register(
    Kind("flow_log", "Flow logs", "ec2", list_flow_logs, delete_flow_log),
    Kind("vpc_peering", "VPC peerings", "ec2", list_peerings, delete_peering),
    Kind(
        "vpc_endpoint",
        "VPC endpoints",
        "ec2",
        lister("VPC endpoints", "describe_vpc_endpoints", "VpcEndpoints", endpoint_item),
        delete_endpoint,
        ("ecs_service", "lambda_function"),
    ),
    Kind(
        "nat_gateway",
        "NAT gateways",
        "ec2",
        lister("NAT gateways", "describe_nat_gateways", "NatGateways", nat_gateway_item),
        delete_nat_gateway,
        ("ecs_service", "lambda_function"),
    ),
    Kind("elastic_ip", "Elastic IP addresses", "ec2", list_addresses, delete_address, ("nat_gateway",)),
    Kind(
        "network_interface",
        "Network interfaces",
        "ec2",
        lister("network interfaces", "describe_network_interfaces", "NetworkInterfaces", network_interface_item),
        delete_network_interface,
        (*RUNNING, "nat_gateway", "vpc_endpoint"),
    ),
    Kind(
        "security_group",
        "Security groups",
        "ec2",
        lister("security groups", "describe_security_groups", "SecurityGroups", security_group_item),
        delete_security_group,
        (*RUNNING, "network_interface"),
    ),
    Kind(
        "internet_gateway",
        "Internet gateways",
        "ec2",
        list_internet_gateways,
        delete_internet_gateway,
        ("nat_gateway", "elastic_ip", "load_balancer"),
    ),
    Kind(
        "route_table",
        "Route tables",
        "ec2",
        lister("route tables", "describe_route_tables", "RouteTables", route_table_item),
        delete_route_table,
        ("nat_gateway", "vpc_endpoint", "internet_gateway"),
    ),
    Kind(
        "subnet",
        "Subnets",
        "ec2",
        lister("subnets", "describe_subnets", "Subnets", subnet_item),
        delete_subnet,
        ("network_interface", "rds_subnet_group", "route_table"),
    ),
    Kind(
        "vpc",
        "VPCs",
        "ec2",
        lister("VPCs", "describe_vpcs", "Vpcs", vpc_item),
        delete_vpc,
        ("flow_log", "vpc_peering", "vpc_endpoint", "internet_gateway", "security_group", "subnet", "target_group"),
    ),
)
