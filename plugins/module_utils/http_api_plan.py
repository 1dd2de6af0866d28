# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP API is and is to be: descriptions as values, requests and refusals, without a call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults

STAGE, PAYLOAD = "$default", "2.0"
METHODS = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ROUTE_KEY = re.compile(rf"\$default|(?:{'|'.join(METHODS)}) /\S*")
FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:(?P<region>[\w-]+):\d{12}:function:[\w-]+(?::[\w$-]+)?")
# CloudFormation templates write a function as the path of its invocation.
INVOCATION = re.compile(r".*:lambda:path/2015-03-31/functions/(?P<arn>.+)/invocations")
CORS = {
    "allow_origins": "AllowOrigins",
    "allow_methods": "AllowMethods",
    "allow_headers": "AllowHeaders",
    "expose_headers": "ExposeHeaders",
    "max_age_s": "MaxAge",
    "allow_credentials": "AllowCredentials",
}
COMPARED = ("description", "cors", "disable_execute_api_endpoint", "tags", "routes", "unused_integrations", "stage")
NEW_STAGE = {"auto_deploy": False, "access_log": None, "throttling": None}
EMPTY = {
    "api_id": None,
    "endpoint": None,
    "description": "",
    "cors": None,
    "disable_execute_api_endpoint": False,
    "tags": {},
    "routes": {},
    "unused_integrations": [],
    "stage": None,
    "domain": None,
}


# --- what is there ---------------------------------------------------------------------------------------------------


def normalize_api(found):
    return {
        "api_id": found["ApiId"],
        "endpoint": found.get("ApiEndpoint"),
        "description": found.get("Description") or "",
        "cors": normalize_cors(found.get("CorsConfiguration")),
        "disable_execute_api_endpoint": bool(found.get("DisableExecuteApiEndpoint")),
        "tags": found.get("Tags") or {},
    }


def normalize_cors(found):
    """Order says nothing here, nor does the case of a header's name; None is an API without CORS."""
    if not found:
        return None
    values = {option: found.get(member) for option, member in CORS.items()}
    lists = {option: sorted(value) for option, value in values.items() if isinstance(value, list) and value}
    for option in ("allow_headers", "expose_headers"):
        if option in lists:
            lists[option] = sorted(name.lower() for name in lists[option])
    max_age = {"max_age_s": values["max_age_s"]} if values["max_age_s"] else {}
    return {**lists, **max_age, "allow_credentials": bool(values["allow_credentials"])}


def function_of(integration):
    """The ARN of the function behind an integration; what is no function is told as its type and address."""
    uri = integration.get("IntegrationUri") or ""
    if integration.get("IntegrationType") != "AWS_PROXY" or integration.get("IntegrationSubtype"):
        return f"{integration.get('IntegrationType')} {integration.get('IntegrationSubtype') or uri}"
    path = INVOCATION.fullmatch(uri)
    return path["arn"] if path else uri


def normalize_routes(routes, integrations):
    """Routes by their key, as far as this module manages them; one that leads nowhere has no function."""
    by_id = {one["IntegrationId"]: one for one in integrations}
    return {one["RouteKey"]: describe_target(by_id.get(integration_id(one))) for one in routes}


def integration_id(route):
    return (route.get("Target") or "").removeprefix("integrations/")


def describe_target(integration):
    if integration is None:
        return {"function_arn": None, "timeout_ms": None, "payload": None}
    return {
        "function_arn": function_of(integration),
        # API Gateway leaves out what has its default.
        "timeout_ms": integration.get("TimeoutInMillis") or 30000,
        "payload": integration.get("PayloadFormatVersion"),
    }


def normalize_stage(found):
    if found is None:
        return None
    log, settings = found.get("AccessLogSettings") or {}, found.get("DefaultRouteSettings") or {}
    burst, rate = settings.get("ThrottlingBurstLimit"), settings.get("ThrottlingRateLimit")
    return {
        "auto_deploy": bool(found.get("AutoDeploy")),
        "access_log": build_log(log["DestinationArn"], log.get("Format")) if log.get("DestinationArn") else None,
        "throttling": {"burst": burst, "rate_per_s": float(rate)} if burst is not None and rate is not None else None,
    }


def build_log(arn, text):
    return {"log_group_arn": arn.removesuffix(":*"), "format": text}


# --- what is wanted --------------------------------------------------------------------------------------------------


def build_cors(cors):
    """The request's side of the option; empty lists and what is not given are left out."""
    return {member: cors[option] for option, member in CORS.items() if cors.get(option) not in (None, [])}


def build_api(params):
    """A new API. Its address is closed, where that is wanted, only when the domain is served."""
    request = {"Name": params["name"], "ProtocolType": "HTTP", "Description": params["description"] or ""}
    if params["cors"] and build_cors(params["cors"]):
        request["CorsConfiguration"] = build_cors(params["cors"])
    if params["tags"]:
        request["Tags"] = {key: str(value) for key, value in params["tags"].items()}
    return request


def build_integration(target):
    return {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": target["function_arn"],
        "PayloadFormatVersion": PAYLOAD,
        "TimeoutInMillis": target["timeout_ms"],
    }


def build_stage(stage, settings):
    """`settings` are those of the present stage; what is not ours stays."""
    request = {"AutoDeploy": True}
    if stage["access_log"]:
        log = stage["access_log"]
        request["AccessLogSettings"] = {"DestinationArn": log["log_group_arn"], "Format": log["format"]}
    if stage["throttling"]:
        limits = stage["throttling"]
        ours = {"ThrottlingBurstLimit": limits["burst"], "ThrottlingRateLimit": limits["rate_per_s"]}
        request["DefaultRouteSettings"] = {**settings, **ours}
    return request


def wanted_routes(params):
    return {
        one["key"]: {"function_arn": one["function_arn"], "timeout_ms": one["timeout_ms"], "payload": PAYLOAD}
        for one in params["routes"]
    }


def wanted_stage(present, params):
    stage = {**(present or NEW_STAGE), "auto_deploy": True}
    if params["access_log"]:
        stage["access_log"] = build_log(params["access_log"]["log_group_arn"], params["access_log"]["format"])
    if params["throttling"]:
        limits = params["throttling"]
        stage["throttling"] = {"burst": limits["burst"], "rate_per_s": float(limits["rate_per_s"])}
    return stage


def build_after(current, params):
    """The API as it is to be; the domain is added by whoever looked at it."""
    present = current or EMPTY
    to_set, to_remove = tagging.diff_tags(present["tags"], params["tags"], params["purge_tags"])
    tags = {key: value for key, value in present["tags"].items() if key not in to_remove}
    kept = {} if params["purge_routes"] else present["routes"]
    cors, description = params["cors"], params["description"]
    return {
        **present,
        "description": present["description"] if description is None else description,
        "cors": present["cors"] if cors is None else normalize_cors(build_cors(cors)),
        "disable_execute_api_endpoint": params["disable_execute_api_endpoint"],
        "tags": {**tags, **to_set},
        "routes": {**kept, **wanted_routes(params)},
        "unused_integrations": [] if params["purge_routes"] else present["unused_integrations"],
        "stage": wanted_stage(present["stage"], params),
    }


def choose_integration(function_arn, wanted_keys, routes, integrations):
    """The integration that all routes to a function share: one that a wanted route uses already, else any of it."""
    ids = [one["IntegrationId"] for one in integrations if function_of(one) == function_arn]
    used = [integration_id(one) for one in routes if one["RouteKey"] in wanted_keys and integration_id(one) in ids]
    return min(used or ids, default=None)


def unused_integrations(routes, integrations):
    used = {integration_id(one) for one in routes}
    return sorted(one["IntegrationId"] for one in integrations if one["IntegrationId"] not in used)


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(params, region):
    faults = [fault for look in (iter_route_faults, iter_other_faults) for fault in look(params, region)]
    refuse_faults("The HTTP API cannot be as it is described", faults)


def iter_route_faults(params, region) -> Iterator[str]:
    timeouts: dict[str, int] = {}
    for number, route in enumerate(params["routes"]):
        if not ROUTE_KEY.fullmatch(route["key"]):
            expected = "$default, or a method and a path as 'POST /meetings'"
            yield f"routes[{number}].key: is {route['key']!r}; expected {expected}"
        arn = FUNCTION_ARN.fullmatch(route["function_arn"])
        if not arn or arn["region"] != region:
            yield f"routes[{number}].function_arn: is {route['function_arn']!r}; expected a function in {region}"
        if timeouts.setdefault(route["function_arn"], route["timeout_ms"]) != route["timeout_ms"]:
            yield f"routes[{number}].timeout_ms: differs from that of another route to the same function; they share it"
    counted = Counter(route["key"] for route in params["routes"])
    yield from (f"routes: {key!r} stands there {times} times" for key, times in counted.items() if times > 1)


def iter_other_faults(params, region) -> Iterator[str]:
    cors, domain, limits = params["cors"] or {}, params["domain"], params["throttling"]
    if cors.get("allow_credentials") and "*" in (cors.get("allow_origins") or []):
        yield "cors.allow_credentials: cannot be with the origin '*'; name the origins"
    if limits and (limits["burst"] < 0 or limits["rate_per_s"] < 0):
        yield f"throttling: is {limits['burst']} and {limits['rate_per_s']:g}; expected no negative number"
    if domain and domain["certificate_arn"].split(":")[3:4] != [region]:
        yield f"domain.certificate_arn: is {domain['certificate_arn']!r}; expected a certificate in {region}"
    if params["access_log"] and params["access_log"]["log_group_arn"].split(":")[3:4] != [region]:
        arn = params["access_log"]["log_group_arn"]
        yield f"access_log.log_group_arn: is {arn!r}; expected the ARN of a log group in {region}"
