# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes of the edge process: what to balance, and how the targets are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from moto.elbv2.models import FakeListener, FakeLoadBalancer, FakeTargetGroup, elbv2_backends

from rehearsal.cloud.acm import find_certificate, write_files
from rehearsal.cloud.control import ControlError
from rehearsal.cloud.elbv2.balancers import region_of, state_of
from rehearsal.cloud.elbv2.listeners import forward_groups, groups_of_balancer, renew_associations
from rehearsal.cloud.elbv2.targets import DELAY, Targets
from rehearsal.cloud.lost_regions import hide_listeners
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


class Edge:
    """Describes all active balancers to the edge and takes its reports."""

    def __init__(self, world: World, targets: Targets) -> None:
        self._world = world
        self._targets = targets
        # Share of the answers to writes that never reach their client.
        self._lost_answers = 0.0

    def install(self) -> None:
        self._world.control_routes["edge"] = self.describe
        self._world.control_routes["edge/health"] = self.take_report

    def describe(self, method: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        """Everything to balance; only the serial when the caller has that state already. POST sets what goes wrong."""
        if method == "POST":
            return self._change(body or {})
        with self._world.lock:
            self._world.settle()
            rows = [*self._balancers(), *(row for source in self._world.edge_rows for row in source())]
            rows = [hide_listeners(row, self._world.lost.mode(row["region"])) for row in rows]
            described = {"scale": self._world.clock.scale, "balancers": rows}
        text = json.dumps(described, sort_keys=True)
        serial = hashlib.sha256(text.encode()).hexdigest()[:16]
        return {"serial": serial} if query.get("serial") == serial else {"serial": serial, **described}

    def _change(self, body: dict[str, Any]) -> dict[str, Any]:
        share = body.get("lost_answers")
        if set(body) != {"lost_answers"} or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise ControlError(f"Settings of the edge {body}; expected lost_answers, a share from 0 to 1.")
        self._lost_answers = float(share)
        return body

    def _balancers(self) -> list[dict[str, Any]]:
        return [
            self._balancer(balancer)
            for backend in list(elbv2_backends[ACCOUNT_ID].values())
            for balancer in backend.load_balancers.values()
            if state_of(balancer) == "active"
        ]

    def _balancer(self, balancer: FakeLoadBalancer) -> dict[str, Any]:
        groups = elbv2_backends[ACCOUNT_ID][region_of(balancer.arn)].target_groups
        return {
            "arn": balancer.arn,
            "name": balancer.name,
            "dns_name": balancer.dns_name,
            "address": balancer.medzen_address,
            "region": region_of(balancer.arn),
            "listeners": [self._listener(listener) for listener in balancer.listeners.values()],
            "target_groups": [
                self._group(groups[arn]) for arn in sorted(groups_of_balancer(balancer)) if arn in groups
            ],
            "idle_timeout_s": float(balancer.attrs["idle_timeout.timeout_seconds"]),
            "lost_answers": self._lost_answers,
        }

    def _listener(self, listener: FakeListener) -> dict[str, Any]:
        row: dict[str, Any] = {"port": int(listener.port), "protocol": listener.protocol}
        row["actions"] = [describe_action(action.data) for action in listener.default_actions]
        if listener.protocol == "HTTPS":
            certificate, key = write_files(self._world, find_certificate(listener.certificate))
            row |= {"certificate_pem_path": str(certificate), "key_path": str(key)}
        return row

    def _group(self, group: FakeTargetGroup) -> dict[str, Any]:
        draining = [
            {"id": row["Id"], "port": row["Port"], "state": "draining", "draining_until": timed.end}
            for _, row, timed in self._targets.state(group.arn).iter_draining()
        ]
        registered = [{"id": row["Id"], "port": row["Port"], "state": "registered"} for row in group.targets.values()]
        attributes = group.attributes
        return {
            "arn": group.arn,
            "health_check": describe_health_check(group),
            "deregistration_delay_s": float(attributes[DELAY]),
            "stickiness": {
                "enabled": str(attributes["stickiness.enabled"]).lower() == "true",
                "duration_s": int(attributes["stickiness.lb_cookie.duration_seconds"]),
            },
            "targets": registered + draining,
        }

    def take_report(self, method: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        """Health by group and target, totals by balancer and metric."""
        with self._world.lock:
            self._targets.take_reports(body.get("targets") or {})
            self._world.balancer_counts.report(body.get("counts") or {})
            self._renew_hosts()
        return {}

    def _renew_hosts(self) -> None:
        """An alias that evaluates its target's health wants a healthy target in every group."""
        for backend in list(elbv2_backends[ACCOUNT_ID].values()):
            renew_associations(backend.region_name)
            for balancer in backend.load_balancers.values():
                host = self._world.hosts.get(f"{balancer.dns_name.lower()}.")
                if host is not None:
                    host["healthy"] = self._is_healthy(balancer, backend.target_groups)

    def _is_healthy(self, balancer: FakeLoadBalancer, groups: dict[str, FakeTargetGroup]) -> bool:
        used = [groups[arn] for arn in groups_of_balancer(balancer) if arn in groups]
        return bool(used) and all(
            any(self._targets.health_of(group, key)[0] == "healthy" for key in group.targets) for group in used
        )


def describe_action(action: dict[str, Any]) -> dict[str, Any]:
    """A default action in the edge's words."""
    kind = action["Type"]
    if kind == "forward":
        groups = [{"arn": row["TargetGroupArn"], "weight": row.get("Weight", 1)} for row in forward_groups(action)]
        return {"type": kind, "target_groups": groups}
    if kind == "redirect":
        config = action["RedirectConfig"]
        names = {"Protocol": "protocol", "Host": "host", "Port": "port", "Path": "path", "Query": "query"}
        row = {short: config[name] for name, short in names.items() if name in config}
        return {"type": kind, "status": int(config["StatusCode"].removeprefix("HTTP_")), **row}
    if kind == "fixed-response":
        config = action["FixedResponseConfig"]
        body, content = config.get("MessageBody", ""), config.get("ContentType", "text/plain")
        return {"type": kind, "status": int(config["StatusCode"]), "body": body, "content_type": content}
    raise NotImplementedError(f"listener actions of type {kind}")


def describe_health_check(group: FakeTargetGroup) -> dict[str, Any]:
    return {
        "protocol": group.health_check_protocol,
        "path": group.health_check_path or "/",
        "port": group.health_check_port,
        "interval_s": float(group.health_check_interval_seconds),
        "timeout_s": float(group.health_check_timeout_seconds),
        "healthy_threshold": int(group.healthy_threshold_count),
        "unhealthy_threshold": int(group.unhealthy_threshold_count),
        "matcher": group.matcher.get("HttpCode", "200"),
    }
