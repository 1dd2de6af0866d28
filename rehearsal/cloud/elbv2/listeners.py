# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners: their certificates must be issued, and a target group belongs to one balancer.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
"""

from __future__ import annotations

from typing import Any

from moto.elbv2.models import FakeLoadBalancer, elbv2_backends

from rehearsal.cloud.acm import find_certificate
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


def install(world: World) -> None:
    operations = world.operations
    operations.before("elbv2", "CreateListener", check_create)
    operations.before("elbv2", "ModifyListener", check_modify)
    operations.before("elbv2", "AddListenerCertificates", check_certificates)
    operations.after("elbv2", "CreateListener", lambda call: renew_associations(call.region))
    operations.after("elbv2", "ModifyListener", lambda call: renew_associations(call.region))
    operations.before("elbv2", "DescribeTargetGroups", lambda call: renew_associations(call.region))
    operations.before("elbv2", "CreateRule", refuse_rules)


def refuse_rules(call: Call) -> None:
    raise NotImplementedError("listener rules: the edge serves default actions only")


def check_create(call: Call) -> None:
    balancer = elbv2_backends[ACCOUNT_ID][call.region].load_balancers.get(call.get("LoadBalancerArn"))
    if balancer is None:
        return
    if any(one.port == call.get("Port") for one in balancer.listeners.values()):
        text = f"A listener already exists on port {call.get('Port')} of this load balancer '{balancer.arn}'"
        raise ApiError("DuplicateListener", text)
    if call.get("Protocol") == "HTTPS" and not call.get("Certificates"):
        raise ApiError("ValidationError", "A certificate must be specified for HTTPS listeners")
    check_certificates(call)
    check_target_groups(call, balancer)


def check_modify(call: Call) -> None:
    check_certificates(call)
    for balancer in elbv2_backends[ACCOUNT_ID][call.region].load_balancers.values():
        if call.get("ListenerArn") in balancer.listeners:
            check_target_groups(call, balancer)


def check_certificates(call: Call) -> None:
    """Each must exist in this region and be issued."""
    for row in call.get("Certificates") or []:
        arn = row["CertificateArn"]
        bundle = find_certificate(arn)
        if bundle is None or arn.split(":")[3] != call.region:
            raise ApiError("CertificateNotFound", f"Certificate '{arn}' not found")
        if bundle.status != "ISSUED":
            text = "must have a fully-qualified domain name, a supported signature, and a supported key size"
            raise ApiError("UnsupportedCertificate", f"The certificate '{arn}' {text}; it is {bundle.status}.")


def check_target_groups(call: Call, balancer: FakeLoadBalancer) -> None:
    """A group that another balancer forwards to already is refused."""
    backend = elbv2_backends[ACCOUNT_ID][call.region]
    for other in backend.load_balancers.values():
        shared = groups_of_balancer(other) & set(groups_of_actions(call.get("DefaultActions") or []))
        if other is not balancer and shared:
            text = f"The following target groups cannot be associated with more than one load balancer: {min(shared)}"
            raise ApiError("TargetGroupAssociationLimit", text)


def groups_of_actions(actions: list[dict[str, Any]]) -> list[str]:
    """ARNs of the target groups that actions forward to, with both ways of writing them."""
    return [row["TargetGroupArn"] for action in actions for row in forward_groups(action)]


def forward_groups(action: dict[str, Any]) -> list[dict[str, Any]]:
    if action.get("Type") != "forward":
        return []
    several = (action.get("ForwardConfig") or {}).get("TargetGroups")
    return several or [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]


def groups_of_balancer(balancer: FakeLoadBalancer) -> set[str]:
    listeners = balancer.listeners.values()
    return {arn for listener in listeners for arn in groups_of_actions([one.data for one in listener.default_actions])}


def renew_associations(region: str) -> None:
    """Each group names the balancers that forward to it; moto only ever adds."""
    backend = elbv2_backends[ACCOUNT_ID][region]
    for group in backend.target_groups.values():
        group.load_balancer_arns = [
            one.arn for one in backend.load_balancers.values() if group.arn in groups_of_balancer(one)
        ]
