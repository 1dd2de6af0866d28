# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions as values: what is asked for and what ECS keeps, brought to one form in which equal means the same.

ECS fills in defaults and drops nothing, so a definition that was registered yesterday never looks like the request.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

# Everything that RegisterTaskDefinition takes but the tags. What is not asked for must not be there either: a revision
# is made of what is asked for alone.
DEFINITION_KEYS = (
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
)
DEFINITION_DEFAULTS = {"networkMode": "bridge", "enableFaultInjection": False}
RUNTIME_DEFAULTS = {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
CONTAINER_DEFAULTS = {"cpu": 0, "essential": True, "versionConsistency": "enabled"}
HEALTH_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
# Lists whose order means something; all others are sets.
ORDERED = ("command", "entryPoint", "dnsServers", "dnsSearchDomains")
BY_NAME = {"environment": "value", "secrets": "valueFrom"}
PORT_IS_HOST_PORT = ("awsvpc", "host")
SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY", re.IGNORECASE)
HIDDEN, HIDDEN_OTHER = "(hidden)", "(hidden, another value)"


def text_of(value: Any) -> str:
    """A value as a container sees it: YAML's true is written as programs read it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_blank(value: Any) -> bool:
    return value is None or value == [] or value == {} or value == ""


def normalise(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition without defaults and empty values, each list in a fixed order; environment and secrets by name."""
    kept = {key: definition[key] for key in DEFINITION_KEYS if not is_blank(definition.get(key))}
    mode = kept.get("networkMode", DEFINITION_DEFAULTS["networkMode"])
    containers = kept.pop("containerDefinitions", [])
    kept = _without_defaults(kept, DEFINITION_DEFAULTS)
    if "runtimePlatform" in kept:
        kept["runtimePlatform"] = _without_defaults(kept["runtimePlatform"], RUNTIME_DEFAULTS)
    for key in ("cpu", "memory"):
        if key in kept:
            kept[key] = str(kept[key])
    plain = _plain({key: value for key, value in kept.items() if not is_blank(value)})
    return {**plain, "containers": {one["name"]: normalise_container(one, mode) for one in containers}}


def normalise_container(container: dict[str, Any], network_mode: str) -> dict[str, Any]:
    kept = _without_defaults({key: value for key, value in container.items() if key != "name"}, CONTAINER_DEFAULTS)
    special = {key: kept.pop(key) for key in (*BY_NAME, "portMappings", "healthCheck") if not is_blank(kept.get(key))}
    plain = _plain(kept)
    for key, value_name in BY_NAME.items():
        if key in special:
            plain[key] = {one["name"]: text_of(one.get(value_name, "")) for one in special[key]}
    if "portMappings" in special:
        plain["portMappings"] = _sorted([_normalise_port(one, network_mode) for one in special["portMappings"]])
    if "healthCheck" in special:
        plain["healthCheck"] = _plain(_without_defaults(special["healthCheck"], HEALTH_DEFAULTS))
    return plain


def _normalise_port(mapping: dict[str, Any], network_mode: str) -> dict[str, Any]:
    """ECS gives every mapping a protocol, and a host port: the container's own where tasks share no host network."""
    default = mapping.get("containerPort") if network_mode in PORT_IS_HOST_PORT else 0
    filled = {"protocol": "tcp", **{key: value for key, value in mapping.items() if not is_blank(value)}}
    return _plain({**filled, "hostPort": filled.get("hostPort") or default})


def _without_defaults(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}


def _plain(value: Any, key: str = "") -> Any:
    """Without empty values; lists that are sets are sorted. Numbers are compared as text, `"2"` being 2 to ECS."""
    if isinstance(value, dict):
        items = {name: _plain(item, name) for name, item in value.items()}
        return {name: item for name, item in items.items() if not is_blank(item)}
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items if key in ORDERED else _sorted(items)
    return text_of(value)


def _sorted(items: list) -> list:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def find_changed(before: dict[str, Any] | None, after: dict[str, Any]) -> list[str]:
    """Names of what differs, a container's as `container.setting`; all of them where nothing was."""
    if before is None:
        return sorted(after)
    changed = {key for key in {*before, *after} - {"containers"} if before.get(key) != after.get(key)}
    for name in {*before["containers"], *after["containers"]}:
        left, right = before["containers"].get(name), after["containers"].get(name)
        if left is None or right is None:
            changed.add(name)
            continue
        changed |= {f"{name}.{key}" for key in {*left, *right} if left.get(key) != right.get(key)}
    return sorted(changed)


def is_secret_name(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def hide(definition: dict[str, Any] | None, other: dict[str, Any] | None = None) -> dict[str, Any]:
    """A normalised definition for a diff. A hidden value still shows that it is not the other side's."""
    if definition is None:
        return {}
    containers = {}
    for name, container in definition["containers"].items():
        there = ((other or {}).get("containers", {}).get(name) or {}).get("environment", {})
        hidden = {
            key: (HIDDEN if there.get(key, value) == value else HIDDEN_OTHER) if is_secret_name(key) else value
            for key, value in container.get("environment", {}).items()
        }
        containers[name] = {**container, **({"environment": hidden} if hidden else {})}
    return {**definition, "containers": containers}


def hide_described(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition as ECS gives it, with the values hidden that a log must not hold."""
    containers = [
        {**one, "environment": [_hide_variable(variable) for variable in one["environment"]]}
        if one.get("environment")
        else one
        for one in definition.get("containerDefinitions", [])
    ]
    return {**definition, "containerDefinitions": containers}


def _hide_variable(variable: dict[str, str]) -> dict[str, str]:
    return {**variable, "value": HIDDEN} if is_secret_name(variable["name"]) else variable


def build_request(params: dict[str, Any]) -> dict[str, Any]:
    """The options as RegisterTaskDefinition takes them, without what is not given."""
    request = {
        "family": params["family"],
        "containerDefinitions": [build_container(one) for one in params["containers"]],
        "cpu": params["cpu"],
        "memory": params["memory"],
        "networkMode": params["network_mode"],
        "requiresCompatibilities": params["requires_compatibilities"],
        "executionRoleArn": params["execution_role_arn"],
        "taskRoleArn": params["task_role_arn"],
        "volumes": params["volumes"],
        "runtimePlatform": params["runtime_platform"],
    }
    return {key: value for key, value in request.items() if not is_blank(value)}


# What ECS takes as a number. A value that a template made is text.
NUMBERS = ("cpu", "memory", "memoryReservation", "startTimeout", "stopTimeout")
PORT_NUMBERS = ("containerPort", "hostPort")


def build_container(container: dict[str, Any]) -> dict[str, Any]:
    built = {key: value for key, value in container.items() if value is not None}
    built |= {key: int(built[key]) for key in NUMBERS if key in built}
    if "environment" in built:
        built["environment"] = [{**one, "value": text_of(one.get("value", ""))} for one in built["environment"]]
    if "portMappings" in built:
        built["portMappings"] = [
            {**one, **{key: int(one[key]) for key in PORT_NUMBERS if one.get(key) is not None}}
            for one in built["portMappings"]
        ]
    return built


def find_image_tag(image: str) -> str | None:
    """The tag or digest of an image; None when the name leaves it to chance. A registry's port is no tag."""
    last = image.rpartition("/")[2]
    if "@" in last:
        return last.partition("@")[2]
    return last.partition(":")[2] or None


def check_containers(containers: list[dict[str, Any]]) -> None:
    names = [one.get("name") for one in containers]
    if not names or None in names or len(set(names)) < len(names) or not all(one.get("image") for one in containers):
        raise Refused(
            "A task definition needs containers with an image and a name of their own",
            found=f"names {names}, images {[one.get('image') for one in containers]}",
            expected="one container or more, each with name and image, no name twice",
            next_step="correct containers",
        )


def check_images(containers: list[dict[str, Any]]) -> None:
    """Refuse images that are another tomorrow: a task that is restarted must not bring another version."""
    moving = [one["image"] for one in containers if find_image_tag(one["image"]) in (None, "latest")]
    if moving:
        raise Refused(
            "An image is not pinned",
            found=", ".join(moving),
            expected="a version as tag, or a digest",
            next_step="name the version, or set allow_latest if what runs may change with every start of a task",
        )
