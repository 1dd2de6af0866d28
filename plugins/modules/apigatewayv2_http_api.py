#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: apigatewayv2_http_api
version_added: 1.0.0
short_description: Manage an HTTP API of API Gateway with its routes to Lambda functions, stage and domain name
description:
  - Creates, changes and deletes an HTTP API as one object, with routes, integrations, the stage V($default), which
    deploys by itself, and a custom domain name.
  - The API is found by its name. API Gateway allows several of one name, which are refused with their ids.
  - Creations have no idempotency token. After an unanswered call the module looks for what it may have made before it
    makes it again.
  - Integrations are made before the routes that lead to them, and deleted after; the domain name is mapped when the
    stage is there, and the API's own address closed when the domain name serves.
  - That API Gateway may invoke a function is said by the function, with RV(api.execute_arn); see
    M(medzen.multiregion.lambda_function).
  - Operations used are C(apigateway:GetApis), C(apigateway:GetRoutes), C(apigateway:GetIntegrations),
    C(apigateway:GetStages), C(apigateway:GetDomainName), C(apigateway:GetDomainNames), C(apigateway:GetApiMappings),
    their Create, Update and Delete, C(apigateway:DeleteCorsConfiguration), C(apigateway:TagResource),
    C(apigateway:UntagResource) and C(sts:GetCallerIdentity). IAM knows them as C(apigateway:GET), C(apigateway:POST),
    C(apigateway:PATCH), C(apigateway:PUT) and C(apigateway:DELETE) on the paths below C(/apis), C(/domainnames) and
    C(/tags). Access logs also need C(logs:CreateLogDelivery) and its like.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the API.
    type: str
    required: true
  state:
    description:
      - Whether the API is to be there.
      - V(absent) takes the mapping of O(domain) away, and the domain name itself when nothing else is mapped there. An
        API that other domain names serve is refused.
    type: str
    choices: [present, absent]
    default: present
  description:
    description:
      - What the API is for. Not given leaves it alone.
    type: str
  routes:
    description:
      - Routes, each to a function of this region, which gets payload format V(2.0). Routes to one function share one
        integration.
      - What else a route has, as an authorizer, is left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Method and path, as V(POST /meetings), or V($default).
        type: str
        required: true
      function_arn:
        description: Function that answers.
        type: str
        required: true
      timeout_ms:
        description: How long the function may take, in milliseconds, 50 to 30000; the same for all its routes.
        type: int
        default: 30000
  purge_routes:
    description:
      - Whether routes that O(routes) does not name are deleted, and integrations that no route uses.
    type: bool
    default: false
  cors:
    description:
      - What browsers on other sites may do. Not given leaves it alone; an empty one turns it off.
    type: dict
    suboptions:
      allow_origins:
        description: Origins, as V(https://app.medzenhealth.app).
        type: list
        elements: str
      allow_methods:
        description: Methods.
        type: list
        elements: str
      allow_headers:
        description: Headers that a request may have.
        type: list
        elements: str
      expose_headers:
        description: Headers of an answer that a page may read.
        type: list
        elements: str
      max_age_s:
        description: How long a browser may keep the answer, in seconds, up to 86400.
        type: int
      allow_credentials:
        description: Whether requests may carry credentials; not with the origin V(*).
        type: bool
  access_log:
    description:
      - Where a line about each request goes. Not given leaves it alone.
    type: dict
    suboptions:
      log_group_arn:
        description: ARN of a log group of this region.
        type: str
        required: true
      format:
        description: The line, with API Gateway's variables. The default is JSON on one line, without query or body.
        type: str
        default: >-
          {"requestId":"$context.requestId","time":"$context.requestTime","routeKey":"$context.routeKey","status":"$context.status","latencyMs":"$context.responseLatency","error":"$context.integrationErrorMessage"}
  throttling:
    description:
      - Most requests that the stage takes, over all routes. Not given leaves it alone.
    type: dict
    suboptions:
      rate_per_s:
        description: Requests a second, in the long run.
        type: float
        required: true
      burst:
        description: Requests at once.
        type: int
        required: true
  disable_execute_api_endpoint:
    description:
      - Whether the API answers under its domain name only, and no more under its own address.
    type: bool
    default: false
  domain:
    description:
      - Custom domain name that the API answers under. Not given leaves domain names alone.
      - A mapping to another API is refused. A new domain name gets the tags of the API.
    type: dict
    suboptions:
      name:
        description: The domain name, as V(meetings.medzenhealth.app).
        type: str
        required: true
      certificate_arn:
        description: Issued certificate of this region that covers it.
        type: str
        required: true
      api_mapping:
        description: Part of the path that leads to the API; empty for the whole.
        type: str
        default: ""
  wait_timeout:
    description:
      - How long to wait, in seconds. When it is over the task fails with the last state seen; what was started goes on.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The API in front of the functions for visits
  medzen.multiregion.apigatewayv2_http_api:
    region: eu-central-1
    name: medzen-chime-api
    routes:
      - key: POST /meetings
        function_arn: arn:aws:lambda:eu-central-1:123456789012:function:medzen-meeting-manager
      - key: GET /health
        function_arn: arn:aws:lambda:eu-central-1:123456789012:function:medzen-meeting-manager
    access_log:
      log_group_arn: arn:aws:logs:eu-central-1:123456789012:log-group:/aws/apigateway/medzen-chime-api
    throttling:
      rate_per_s: 50
      burst: 100
    domain:
      name: meetings.medzenhealth.app
      certificate_arn: arn:aws:acm:eu-central-1:123456789012:certificate/3f8c6b52-0d5e-4c53-9d0b-0f3f6f0a7c11
    tags:
      Workload: medzen-chime
  register: visits

- name: It is not needed any more in the region that was left
  medzen.multiregion.apigatewayv2_http_api:
    region: af-south-1
    name: medzen-chime-api
    state: absent
"""

RETURN = r"""
api:
  description: The API; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    api_id: {description: "Its id, V(null) for one that is only planned.", type: str}
    endpoint: {description: "Its own address, V(null) for one that is only planned.", type: str}
    execute_arn:
      description: ARN that functions let in; V(/*) and more of a path follow it. V(null) for one that is only planned.
      type: str
      sample: arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4
    description: {description: What it is for., type: str}
    routes: {description: "Routes by key, each with the ARN of its function and its time limit.", type: dict}
    unused_integrations: {description: Ids of integrations that no route leads to., type: list, elements: str}
    stage: {description: "Its stage, with access log and throttling.", type: dict}
    cors: {description: "What browsers may do, V(null) for nothing.", type: dict}
    disable_execute_api_endpoint: {description: Whether its own address is closed., type: bool}
    domain:
      description:
        - The domain name, V(null) when none was given. An alias record for it leads to C(regional_domain_name) in the
          hosted zone C(hosted_zone_id), which are V(null) for a domain name that is only planned.
      type: dict
    tags: {description: Its tags., type: dict}
"""

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import api_domains as domains
from ansible_collections.medzen.multiregion.plugins.module_utils import http_api_plan as plan
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.account import read_account
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.creation import create_once, single_try_client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lookup import find_by_name
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments

MISSING = ("NotFoundException",)
OPTIONS = {
    "Name": "name",
    "Tags": "tags",
    "CorsConfiguration": "cors",
    "CorsConfiguration.MaxAge": "cors.max_age_s",
    "TimeoutInMillis": "routes[].timeout_ms",
}


@describe("list the APIs")
def list_apis(connection):
    return paginate(connection, "get_apis", "Items")


@describe("list the routes of API {api_id}")
def list_routes(connection, api_id):
    return paginate(connection, "get_routes", "Items", ApiId=api_id)


@describe("list the integrations of API {api_id}")
def list_integrations(connection, api_id):
    return paginate(connection, "get_integrations", "Items", ApiId=api_id)


@describe("list the stages of API {api_id}")
def list_stages(connection, api_id):
    return paginate(connection, "get_stages", "Items", ApiId=api_id)


@describe("create API {request[Name]}")
def create_api(once, request):
    return once.create_api(**request)


@describe("update API {api_id}")
def update_api(connection, api_id, request):
    connection.update_api(ApiId=api_id, **request, aws_retry=True)


@describe("turn CORS of API {api_id} off", missing=MISSING)
def delete_cors(connection, api_id):
    connection.delete_cors_configuration(ApiId=api_id, aws_retry=True)


@describe("create the integration of {request[IntegrationUri]}")
def create_integration(once, api_id, request):
    return once.create_integration(ApiId=api_id, **request)


@describe("update integration {integration_id} of API {api_id}")
def update_integration(connection, api_id, integration_id, request):
    connection.update_integration(ApiId=api_id, IntegrationId=integration_id, **request, aws_retry=True)


@describe("delete integration {integration_id} of API {api_id}", missing=MISSING)
def delete_integration(connection, api_id, integration_id):
    connection.delete_integration(ApiId=api_id, IntegrationId=integration_id, aws_retry=True)


@describe("create route {key}")
def create_route(connection, api_id, key, target):
    connection.create_route(ApiId=api_id, RouteKey=key, Target=target, aws_retry=True)


@describe("update route {route_id} of API {api_id}")
def update_route(connection, api_id, route_id, target):
    connection.update_route(ApiId=api_id, RouteId=route_id, Target=target, aws_retry=True)


@describe("delete route {route_id} of API {api_id}", missing=MISSING)
def delete_route(connection, api_id, route_id):
    connection.delete_route(ApiId=api_id, RouteId=route_id, aws_retry=True)


@describe("create stage {name} of API {api_id}")
def create_stage(connection, api_id, name, request):
    connection.create_stage(ApiId=api_id, StageName=name, **request, aws_retry=True)


@describe("update stage {name} of API {api_id}")
def update_stage(connection, api_id, name, request):
    connection.update_stage(ApiId=api_id, StageName=name, **request, aws_retry=True)


@describe("tag {arn}")
def tag(connection, arn, tags):
    connection.tag_resource(ResourceArn=arn, Tags=tags, aws_retry=True)


@describe("remove tags from {arn}")
def untag(connection, arn, keys):
    connection.untag_resource(ResourceArn=arn, TagKeys=keys, aws_retry=True)


@describe("delete API {api_id}", missing=MISSING)
def delete_api(connection, api_id):
    connection.delete_api(ApiId=api_id, aws_retry=True)


# --- what is there ---------------------------------------------------------------------------------------------------


def find_api(connection, name):
    """The listed API of this name; None when there is none."""
    apis = [one for one in list_apis(connection) if one.get("ProtocolType") == "HTTP"]
    return find_by_name(apis, name, "HTTP APIs", "Name", "ApiId")


def find_stage(connection, api_id):
    return next((one for one in list_stages(connection, api_id) if one["StageName"] == plan.STAGE), None)


def look_at_domain(connection, domain):
    return domain and domains.find_domain(connection, domain["name"], domain["api_mapping"])


def read_api(connection, found, domain):
    """A listed API with everything that this module manages."""
    api_id = found["ApiId"]
    routes, integrations = list_routes(connection, api_id), list_integrations(connection, api_id)
    return {
        **plan.normalize_api(found),
        "routes": plan.normalize_routes(routes, integrations),
        "unused_integrations": plan.unused_integrations(routes, integrations),
        "stage": plan.normalize_stage(find_stage(connection, api_id)),
        "domain": look_at_domain(connection, domain),
    }


def arn_of(connection, service, path):
    meta = connection.meta
    return f"arn:{meta.partition}:{service}:{meta.region_name}:{path}"


# --- changes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What is described, with the clients and the time to bring it about. `once` sends every call once."""

    connection: Any
    once: Any
    params: dict
    left: TimeLeft

    def create(self, create, find, what):
        return create_once(create, find, what, self.left.seconds(), self.params["poll_seconds"])


def ensure_api(task, current, after):
    """The id of the API, which is made when there is none, with description, CORS and tags as they are to be."""
    connection, name = task.connection, task.params["name"]
    if current is None:
        request = plan.build_api(task.params)
        return task.create(lambda: create_api(task.once, request), lambda: find_api(connection, name), f"API {name}")[
            "ApiId"
        ]
    api_id, request = current["api_id"], {}
    if current["description"] != after["description"]:
        request["Description"] = after["description"]
    if current["cors"] != after["cors"] and after["cors"]:
        request["CorsConfiguration"] = plan.build_cors(task.params["cors"])
    # An address that is to be open again is so before anything else; one that is closed waits for the domain name.
    if current["disable_execute_api_endpoint"] and not after["disable_execute_api_endpoint"]:
        request["DisableExecuteApiEndpoint"] = False
    if request:
        update_api(connection, api_id, request)
    if current["cors"] and after["cors"] is None:
        delete_cors(connection, api_id)
    write_tags(connection, arn_of(connection, "apigateway", f":/apis/{api_id}"), current["tags"], after["tags"])
    return api_id


def write_tags(connection, arn, present, wanted):
    to_set, to_remove = tagging.diff_tags(present, wanted)
    if to_set:
        tag(connection, arn, to_set)
    if to_remove:
        untag(connection, arn, to_remove)


def ensure_integrations(task, api_id, wanted, routes):
    """The id of the integration of each function, with format and time limit as they are to be."""
    connection, found = task.connection, list_integrations(task.connection, api_id)
    by_id, ids = {one["IntegrationId"]: one for one in found}, {}
    for target in wanted.values():
        function = target["function_arn"]
        if function in ids:
            continue
        request = plan.build_integration(target)
        keys = {key for key, one in wanted.items() if one["function_arn"] == function}
        ids[function] = plan.choose_integration(function, keys, routes, found)
        if ids[function] is None:
            ids[function] = make_integration(task, api_id, request)
        elif plan.describe_target(by_id[ids[function]]) != target:
            # CloudFormation's way to write the function is as good as ours.
            request["IntegrationUri"] = by_id[ids[function]]["IntegrationUri"]
            update_integration(connection, api_id, ids[function], request)
    return ids


def make_integration(task, api_id, request):
    def find():
        found = list_integrations(task.connection, api_id)
        ids = plan.choose_integration(request["IntegrationUri"], (), (), found)
        return ids and {"IntegrationId": ids}

    made = task.create(
        lambda: create_integration(task.once, api_id, request), find, f"the integration of {request['IntegrationUri']}"
    )
    return made["IntegrationId"]


def write_routes(task, api_id):
    """Integrations, then the routes to them; what nobody wants goes in the other order."""
    connection, wanted = task.connection, plan.wanted_routes(task.params)
    routes = list_routes(connection, api_id)
    ids, present = ensure_integrations(task, api_id, wanted, routes), {one["RouteKey"]: one for one in routes}
    for key, target in wanted.items():
        leads_to = f"integrations/{ids[target['function_arn']]}"
        if key not in present:
            make_route(connection, api_id, key, leads_to)
        elif present[key].get("Target") != leads_to:
            update_route(connection, api_id, present[key]["RouteId"], leads_to)
    if task.params["purge_routes"]:
        purge_routes(connection, api_id, [one for key, one in present.items() if key not in wanted])


def make_route(connection, api_id, key, target):
    def is_done():
        return any((one["RouteKey"], one.get("Target")) == (key, target) for one in list_routes(connection, api_id))

    domains.unless_done(lambda: create_route(connection, api_id, key, target), is_done)


def purge_routes(connection, api_id, unwanted):
    for one in unwanted:
        delete_route(connection, api_id, one["RouteId"])
    routes, integrations = list_routes(connection, api_id), list_integrations(connection, api_id)
    for integration_id in plan.unused_integrations(routes, integrations):
        delete_integration(connection, api_id, integration_id)


def write_stage(connection, api_id, after):
    found = find_stage(connection, api_id)
    if plan.normalize_stage(found) == after["stage"]:
        return
    request = plan.build_stage(after["stage"], (found or {}).get("DefaultRouteSettings") or {})
    if found is not None:
        update_stage(connection, api_id, plan.STAGE, request)
        return
    domains.unless_done(
        lambda: create_stage(connection, api_id, plan.STAGE, request),
        lambda: plan.normalize_stage(find_stage(connection, api_id)) == after["stage"],
    )


def write(task, current, after):
    """In an order in which nothing leads to what is not there yet, or not any more. Returns the API's id."""
    connection, params = task.connection, task.params
    api_id = ensure_api(task, current, after)
    if current is None or any(current[key] != after[key] for key in ("routes", "unused_integrations")):
        write_routes(task, api_id)
    write_stage(connection, api_id, after)
    if after["domain"]:
        present = look_at_domain(connection, params["domain"])
        domains.write_domain(connection, present, {**after["domain"], "api_id": api_id}, after["tags"])
        if params["wait"] or after["disable_execute_api_endpoint"]:
            wait_domain(task)
    if after["disable_execute_api_endpoint"] and not (current or plan.EMPTY)["disable_execute_api_endpoint"]:
        update_api(connection, api_id, {"DisableExecuteApiEndpoint": True})
    return api_id


def wait_domain(task):
    domain, left = task.params["domain"], task.left.seconds()
    domains.wait_available(task.connection, domain["name"], domain["api_mapping"], left, task.params["poll_seconds"])


# --- states ----------------------------------------------------------------------------------------------------------


def shown(api, account, connection):
    arn = api["api_id"] and arn_of(connection, "execute-api", f"{account}:{api['api_id']}")
    routes = {key: {name: one[name] for name in ("function_arn", "timeout_ms")} for key, one in api["routes"].items()}
    return {**api, "name": api["name"], "execute_arn": arn, "routes": routes}


def diff_side(api):
    if api is None:
        return {}
    return {**{key: api[key] for key in plan.COMPARED}, "domain": domains.compared(api["domain"])}


def check_form(connection, params):
    check_request(connection, "CreateApi", plan.build_api(params), OPTIONS)
    for number, target in enumerate(plan.wanted_routes(params).values()):
        request = {"ApiId": "new", **plan.build_integration(target)}
        names = {"TimeoutInMillis": f"routes[{number}].timeout_ms", "IntegrationUri": f"routes[{number}].function_arn"}
        check_request(connection, "CreateIntegration", request, names)


def build_after(connection, current, found_domain, params):
    after = {**plan.build_after(current, params), "name": params["name"]}
    if params["domain"]:
        after["domain"] = domains.build_after(found_domain, params["domain"], after["api_id"], plan.STAGE)
        domains.check_domain(found_domain, after["domain"])
    return after


def ensure_present(module, connection):
    params, domain = module.params, module.params["domain"]
    plan.check_options(params, connection.meta.region_name)
    check_form(connection, params)
    found = find_api(connection, params["name"])
    current = found and read_api(connection, found, domain)
    found_domain = current["domain"] if current else look_at_domain(connection, domain)
    after = build_after(connection, current, found_domain, params)
    before = diff_side(current) or ({"domain": domains.compared(found_domain)} if found_domain else {})
    account = read_account(client(module, "sts"))
    result = {
        "changed": current is None or diff_side(current) != diff_side(after),
        "api": shown(after, account, connection),
        "diff": {"before": before, "after": diff_side(after)},
    }
    if module.check_mode:
        return result
    once = single_try_client(module, "apigatewayv2") if result["changed"] else None
    task = Task(connection, once, params, TimeLeft(params["wait_timeout"]))
    if result["changed"]:
        write(task, current, after)
    elif params["wait"] and found_domain and found_domain["status"] != "AVAILABLE":
        wait_domain(task)
    final = find_api(connection, params["name"])
    read = {**read_api(connection, final, domain), "name": params["name"]} if final else after
    return {**result, "api": shown(read, account, connection)}


def find_mappings(connection, api_id):
    """Domain name, key and id of every mapping to an API, and of the others of these names."""
    names = [one["DomainName"] for one in domains.list_domains(connection)]
    found = {name: list(domains.list_mappings(connection, name)) for name in names}
    return {name: rows for name, rows in found.items() if any(one["ApiId"] == api_id for one in rows)}


def check_deletable(mappings, params, api_id):
    named = (params["domain"] or {}).get("name")
    others = sorted(name for name in mappings if name != named)
    if others:
        raise Refused(
            f"API {params['name']} is served by domain names that the task does not name",
            found=", ".join(others),
            expected=f"none but {named}" if named else "none",
            next_step="name it in domain, or remove the mapping once its clients can do without it",
            result={"reason": "domain_mapped", "domains": others, "api_id": api_id},
        )


def ensure_absent(module, connection):
    params = module.params
    found = find_api(connection, params["name"])
    if found is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    api_id, current = found["ApiId"], read_api(connection, found, params["domain"])
    mappings = find_mappings(connection, api_id)
    check_deletable(mappings, params, api_id)
    if not module.check_mode:
        for name, rows in mappings.items():
            remove_domain(connection, name, rows, api_id)
        delete_api(connection, api_id)
    return {"changed": True, "diff": {"before": diff_side(current), "after": {}}}


def remove_domain(connection, name, rows, api_id):
    """The mappings to the API and, when that was all, the domain name."""
    for one in rows:
        if one["ApiId"] == api_id:
            domains.delete_mapping(connection, name, one["ApiMappingId"])
    if all(one["ApiId"] == api_id for one in rows):
        domains.delete_domain(connection, name)


def ensure(module):
    connection = client(module, "apigatewayv2")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","routeKey":"$context.routeKey",'
    '"status":"$context.status","latencyMs":"$context.responseLatency","error":"$context.integrationErrorMessage"}'
)
ROUTE = {"key": {"required": True, "no_log": False}, "function_arn": {"required": True}}
CORS = {
    **{name: {"type": "list", "elements": "str"} for name in ("allow_origins", "allow_methods", "allow_headers")},
    "expose_headers": {"type": "list", "elements": "str"},
    "max_age_s": {"type": "int"},
    "allow_credentials": {"type": "bool"},
}


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "description": {},
        "routes": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {**ROUTE, "timeout_ms": {"type": "int", "default": 30000}},
        },
        "purge_routes": {"type": "bool", "default": False},
        "cors": {"type": "dict", "options": CORS},
        "access_log": {
            "type": "dict",
            "options": {"log_group_arn": {"required": True}, "format": {"default": LOG_FORMAT}},
        },
        "throttling": {
            "type": "dict",
            "options": {"rate_per_s": {"type": "float", "required": True}, "burst": {"type": "int", "required": True}},
        },
        "disable_execute_api_endpoint": {"type": "bool", "default": False},
        "domain": {
            "type": "dict",
            "options": {
                "name": {"required": True},
                "certificate_arn": {"required": True},
                "api_mapping": {"default": ""},
            },
        },
        **tagging.ARGUMENTS,
        **wait_arguments(600),
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
