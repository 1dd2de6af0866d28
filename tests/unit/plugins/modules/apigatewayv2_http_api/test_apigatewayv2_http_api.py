# SPDX-License-Identifier: GPL-3.0-or-later
import itertools
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import apigatewayv2_http_api as module
from botocore.exceptions import ClientError, ConnectionClosedError

HERE = "eu-central-1"
MODEL = botocore.session.Session().get_service_model("apigatewayv2")
VISITS, AUDIT = (f"arn:aws:lambda:{HERE}:123456789012:function:{name}" for name in ("visits", "audit"))
POST = {"key": "POST /meetings", "function_arn": VISITS, "timeout_ms": 30000}
HEALTH = {**POST, "key": "GET /health"}
LIST = {**POST, "key": "GET /audit", "function_arn": AUDIT}
LOG = {"log_group_arn": f"arn:aws:logs:{HERE}:123456789012:log-group:/api", "format": "$context.status"}
CERTIFICATE = f"arn:aws:acm:{HERE}:123456789012:certificate/1"
DOMAIN = {"name": "meet.example.org", "certificate_arn": CERTIFICATE, "api_mapping": ""}
NO_CORS = dict.fromkeys(("allow_origins", "allow_methods", "allow_headers", "expose_headers", "max_age_s"))
PARAMS = {
    "name": "visits",
    "state": "present",
    "description": None,
    "routes": [POST, HEALTH],
    "purge_routes": False,
    "cors": None,
    "access_log": None,
    "throttling": None,
    "disable_execute_api_endpoint": False,
    "domain": None,
    "tags": {"W": "x"},
    "purge_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "poll_seconds": 0,
}


def error(code, status=400):
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


class Gateway:
    """The APIs of one region in memory, as API Gateway answers. `faults` holds errors by operation; an error that is a
    connection's comes after the call took effect."""

    meta = SimpleNamespace(region_name=HERE, partition="aws", service_model=MODEL)

    def __init__(self):
        self.apis, self.routes, self.integrations, self.stages = {}, {}, {}, {}
        self.domains, self.mappings, self.faults, self.calls = {}, {}, {}, []
        self.ids = (f"id{number}" for number in itertools.count())

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(type(self), f"_{name}"):
            raise AttributeError(name)

        def call(aws_retry=True, **request):
            if not name.startswith("get_"):
                self.calls.append(name)
            faults = self.faults.get(name, [])
            if faults and isinstance(faults[0], ClientError):
                raise faults.pop(0)
            answer = getattr(self, f"_{name}")(**request) or {}
            if faults:
                raise faults.pop(0)
            return answer

        return call

    def get_paginator(self, operation):
        rows = {
            "get_apis": lambda ApiId: list(self.apis.values()),
            "get_routes": lambda ApiId: list(self.routes.values()),
            "get_integrations": lambda ApiId: list(self.integrations.values()),
            "get_stages": lambda ApiId: list(self.stages.values()),
            "get_domain_names": lambda ApiId: list(self.domains.values()),
        }[operation]
        result = lambda ApiId=None: SimpleNamespace(build_full_result=lambda: {"Items": rows(ApiId)})  # noqa: E731
        return SimpleNamespace(paginate=result)

    def _create_api(self, **request):
        api_id = next(self.ids)
        self.apis[api_id] = {"ApiId": api_id, "ApiEndpoint": f"https://{api_id}", **request}
        return self.apis[api_id]

    def _update_api(self, ApiId, **request):
        self.apis[ApiId] |= request

    def _delete_cors_configuration(self, ApiId):
        del self.apis[ApiId]["CorsConfiguration"]

    def _create_integration(self, ApiId, **request):
        integration_id = next(self.ids)
        self.integrations[integration_id] = {"IntegrationId": integration_id, **request}
        return self.integrations[integration_id]

    def _update_integration(self, ApiId, IntegrationId, **request):
        self.integrations[IntegrationId] |= request

    def _delete_integration(self, ApiId, IntegrationId):
        assert IntegrationId not in [one["Target"].rpartition("/")[2] for one in self.routes.values()]
        del self.integrations[IntegrationId]

    def _create_route(self, ApiId, RouteKey, Target):
        assert Target.rpartition("/")[2] in self.integrations, "a route to nothing"
        if any(one["RouteKey"] == RouteKey for one in self.routes.values()):
            raise error("ConflictException", 409)
        route_id = next(self.ids)
        self.routes[route_id] = {"RouteId": route_id, "RouteKey": RouteKey, "Target": Target}

    def _update_route(self, ApiId, RouteId, Target):
        self.routes[RouteId]["Target"] = Target

    def _delete_route(self, ApiId, RouteId):
        del self.routes[RouteId]

    def _create_stage(self, ApiId, StageName, **request):
        if StageName in self.stages:
            raise error("ConflictException", 409)
        self.stages[StageName] = {"StageName": StageName, **request}

    def _update_stage(self, ApiId, StageName, **request):
        self.stages[StageName] |= request

    def _tag_resource(self, ResourceArn, Tags):
        self.apis[ResourceArn.rpartition("/")[2]]["Tags"] |= Tags

    def _untag_resource(self, ResourceArn, TagKeys):
        for key in TagKeys:
            del self.apis[ResourceArn.rpartition("/")[2]]["Tags"][key]

    def _delete_api(self, ApiId):
        assert not any(one["ApiId"] == ApiId for one in self.mappings.values())
        del self.apis[ApiId]
        self.routes, self.integrations, self.stages = {}, {}, {}

    def _get_domain_name(self, DomainName):
        if DomainName not in self.domains:
            raise error("NotFoundException", 404)
        return self.domains[DomainName]

    def _create_domain_name(self, DomainName, DomainNameConfigurations, Tags=None):
        if DomainName in self.domains:
            raise error("ConflictException", 409)
        known = {"ApiGatewayDomainName": "d-1.example", "HostedZoneId": "Z1", "DomainNameStatus": "AVAILABLE"}
        self.domains[DomainName] = {
            "DomainName": DomainName,
            "DomainNameConfigurations": [{**DomainNameConfigurations[0], **known}],
        }

    def _update_domain_name(self, DomainName, DomainNameConfigurations):
        self.domains[DomainName]["DomainNameConfigurations"][0] |= DomainNameConfigurations[0]

    def _delete_domain_name(self, DomainName):
        del self.domains[DomainName]

    def _get_api_mappings(self, DomainName):
        return {"Items": [one for one in self.mappings.values() if one["Domain"] == DomainName]}

    def _create_api_mapping(self, DomainName, ApiId, Stage, ApiMappingKey=""):
        assert Stage in self.stages
        if any((one["Domain"], one["ApiMappingKey"]) == (DomainName, ApiMappingKey) for one in self.mappings.values()):
            raise error("ConflictException", 409)
        row = {"ApiMappingId": next(self.ids), "ApiId": ApiId, "Stage": Stage, "ApiMappingKey": ApiMappingKey}
        self.mappings[row["ApiMappingId"]] = {**row, "Domain": DomainName}

    def _update_api_mapping(self, DomainName, ApiId, ApiMappingId, Stage):
        self.mappings[ApiMappingId] |= {"ApiId": ApiId, "Stage": Stage}

    def _delete_api_mapping(self, DomainName, ApiMappingId):
        del self.mappings[ApiMappingId]


@pytest.fixture
def run(monkeypatch):
    sts = SimpleNamespace(get_caller_identity=lambda aws_retry: {"Account": "123456789012"})
    monkeypatch.setattr(module, "client", lambda task, service: sts)

    def call(gateway, check_mode=False, **change):
        gateway.calls.clear()
        monkeypatch.setattr(module, "single_try_client", lambda *_: Once(gateway))
        task = SimpleNamespace(params={**PARAMS, **change}, check_mode=check_mode)
        function = module.ensure_present if task.params["state"] == "present" else module.ensure_absent
        return function(task, gateway)

    return call


class Once:
    """A client without retries takes no `aws_retry`."""

    def __init__(self, gateway):
        self.create_api = lambda **request: gateway.create_api(**refuse_retry(request))
        self.create_integration = lambda **request: gateway.create_integration(**refuse_retry(request))


def refuse_retry(request):
    assert "aws_retry" not in request
    return request


MADE = ["create_api", "create_integration", "create_route", "create_route", "create_stage"]
WITH_DOMAIN = [*MADE, "create_domain_name", "create_api_mapping"]


def test_check_mode_plans_an_api_and_makes_none(run):
    gateway = Gateway()
    result = run(gateway, check_mode=True, domain=DOMAIN)
    assert result["changed"] and gateway.calls == [] and not gateway.apis
    assert result["api"]["api_id"] is None and result["api"]["execute_arn"] is None
    assert set(result["api"]["routes"]) == {"POST /meetings", "GET /health"}


def test_an_api_is_made_once_and_its_routes_share_an_integration(run):
    gateway = Gateway()
    planned, made = run(gateway, check_mode=True), run(gateway)
    assert made["changed"] and made["diff"] == planned["diff"] and gateway.calls == MADE
    assert made["api"]["execute_arn"] == f"arn:aws:execute-api:{HERE}:123456789012:id0"
    assert made["api"]["endpoint"] == "https://id0" and gateway.stages["$default"]["AutoDeploy"]
    assert [one["PayloadFormatVersion"] for one in gateway.integrations.values()] == ["2.0"]
    assert run(gateway)["changed"] is False and gateway.calls == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ({"routes": [POST, HEALTH, LIST]}, ["create_integration", "create_route"]),
        ({"routes": [POST, {**HEALTH, "function_arn": AUDIT}]}, ["create_integration", "update_route"]),
        ({"routes": [{**POST, "timeout_ms": 500}, {**HEALTH, "timeout_ms": 500}]}, ["update_integration"]),
        ({"routes": [HEALTH], "purge_routes": True}, ["delete_route"]),
        ({"routes": [], "purge_routes": True}, ["delete_route", "delete_route", "delete_integration"]),
        ({"description": "visits"}, ["update_api"]),
        ({"cors": {**NO_CORS, "allow_origins": ["https://a"], "allow_credentials": None}}, ["update_api"]),
        ({"access_log": LOG}, ["update_stage"]),
        ({"throttling": {"burst": 10, "rate_per_s": 5.0}}, ["update_stage"]),
        ({"disable_execute_api_endpoint": True}, ["update_api"]),
        ({"tags": {"V": "y"}}, ["tag_resource", "untag_resource"]),
        ({"domain": DOMAIN}, ["create_domain_name", "create_api_mapping"]),
    ],
)
def test_only_what_differs_is_changed_and_then_nothing(run, change, calls):
    gateway = Gateway()
    run(gateway)
    planned = run(gateway, check_mode=True, **change)
    assert planned["changed"] and gateway.calls == []
    done = run(gateway, **change)
    assert done["changed"] and gateway.calls == calls and done["diff"] == planned["diff"]
    assert not run(gateway, **change)["changed"] and gateway.calls == []


def test_the_stage_keeps_what_is_not_managed_here(run):
    gateway = Gateway()
    run(gateway)
    gateway.stages["$default"]["DefaultRouteSettings"] = {"DetailedMetricsEnabled": True}
    run(gateway, throttling={"burst": 10, "rate_per_s": 5.0})
    assert gateway.stages["$default"]["DefaultRouteSettings"] == {
        "DetailedMetricsEnabled": True,
        "ThrottlingBurstLimit": 10,
        "ThrottlingRateLimit": 5.0,
    }


def test_cors_is_compared_without_order_and_turned_off_by_an_empty_one(run):
    gateway = Gateway()
    cors = {**NO_CORS, "allow_methods": ["POST", "GET"], "allow_headers": ["X-A"], "allow_credentials": False}
    run(gateway, cors=cors)
    swapped = {**cors, "allow_methods": ["GET", "POST"], "allow_headers": ["x-a"]}
    assert not run(gateway, cors=swapped)["changed"]
    assert run(gateway, cors={**NO_CORS, "allow_credentials": None})["changed"]
    assert gateway.calls == ["delete_cors_configuration"]


def test_routes_that_are_not_named_stay(run):
    gateway = Gateway()
    run(gateway, routes=[POST, HEALTH, LIST])
    assert not run(gateway)["changed"] and len(gateway.routes) == 3


def test_an_api_of_a_stack_is_adopted_with_its_way_to_write_a_function(run):
    gateway = Gateway()
    run(gateway)
    uri = f"arn:aws:apigateway:{HERE}:lambda:path/2015-03-31/functions/{VISITS}/invocations"
    next(iter(gateway.integrations.values()))["IntegrationUri"] = uri
    assert not run(gateway)["changed"]


def test_a_route_that_leads_nowhere_is_led_to_its_function(run):
    gateway = Gateway()
    run(gateway)
    next(iter(gateway.routes.values()))["Target"] = "integrations/gone"
    assert run(gateway)["changed"] and gateway.calls == ["update_route"]


def test_integrations_left_by_a_run_that_was_ended_go_with_purging(run):
    gateway = Gateway()
    run(gateway)
    gateway._create_integration("id0", **module.plan.build_integration({"function_arn": AUDIT, "timeout_ms": 50}))
    assert not run(gateway)["changed"]
    assert run(gateway, check_mode=True, purge_routes=True)["changed"]
    assert run(gateway, purge_routes=True)["changed"] and gateway.calls == ["delete_integration"]


def test_the_own_address_is_closed_after_the_domain_name_serves_and_opened_first(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN, disable_execute_api_endpoint=True)
    assert gateway.calls == [*WITH_DOMAIN, "update_api"]
    run(gateway, routes=[LIST])
    assert gateway.calls == ["update_api", "create_integration", "create_route"]


def test_the_domain_name_is_returned_for_its_alias_record(run):
    domain = run(Gateway(), domain=DOMAIN)["api"]["domain"]
    assert (domain["regional_domain_name"], domain["hosted_zone_id"]) == ("d-1.example", "Z1")
    assert (domain["api_id"], domain["stage"]) == ("id0", "$default")


def test_another_certificate_is_put_in_place(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    other = {**DOMAIN, "certificate_arn": f"{CERTIFICATE}2"}
    assert run(gateway, domain=other)["changed"] and gateway.calls == ["update_domain_name"]
    assert not run(gateway, domain=other)["changed"]


def test_a_path_is_not_taken_from_another_api(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    with pytest.raises(Refused, match="API id0"):
        run(gateway, name="other", domain=DOMAIN)
    assert gateway.calls == []


def test_a_certificate_that_must_be_imported_again_ends_the_wait(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    gateway.domains["meet.example.org"]["DomainNameConfigurations"][0]["DomainNameStatus"] = (
        "PENDING_CERTIFICATE_REIMPORT"
    )
    with pytest.raises(MultiregionError, match="PENDING_CERTIFICATE_REIMPORT"):
        run(gateway, domain=DOMAIN)


LOST = ConnectionClosedError(endpoint_url="https://api")


@pytest.mark.parametrize("operation", ["create_api", "create_integration"])
@pytest.mark.parametrize("fault", [LOST, error("TooManyRequestsException", 429), error("InternalFailure", 500)])
def test_what_has_no_token_is_made_once_whatever_becomes_of_the_answer(run, operation, fault):
    gateway = Gateway()
    gateway.faults[operation] = [fault]
    assert run(gateway)["changed"] and not run(gateway)["changed"]
    assert len(gateway.apis) == len(gateway.integrations) == 1


def test_a_creation_that_is_refused_is_not_tried_again(run):
    gateway = Gateway()
    gateway.faults["create_api"] = [error("AccessDeniedException", 403)]
    with pytest.raises(AwsError, match="create API visits.*AccessDenied"):
        run(gateway)
    assert gateway.calls == ["create_api"]


@pytest.mark.parametrize("repeat", ["create_route", "create_stage", "create_domain_name", "create_api_mapping"])
def test_a_conflict_with_what_a_lost_call_made_is_none(run, repeat):
    gateway = Gateway()
    # The client repeats a lost call by itself and meets the conflict.
    real = getattr(gateway, repeat)
    setattr(gateway, repeat, lambda **request: (real(**request), real(**request)))
    assert run(gateway, domain=DOMAIN)["changed"] and not run(gateway, domain=DOMAIN)["changed"]


def test_several_apis_of_the_name_are_refused_with_their_ids(run):
    gateway = Gateway()
    run(gateway)
    gateway._create_api(Name="visits", ProtocolType="HTTP")
    with pytest.raises(Refused, match="id0, id4"):
        run(gateway)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"routes": [{**POST, "key": "post /meetings"}]}, r"routes\[0\]\.key"),
        ({"routes": [POST, POST]}, "routes: 'POST /meetings' stands there 2 times"),
        ({"routes": [{**POST, "function_arn": VISITS.replace(HERE, "af-south-1")}]}, r"routes\[0\]\.function_arn"),
        ({"routes": [{**POST, "timeout_ms": 49}]}, r"routes\[0\]\.timeout_ms"),
        ({"routes": [POST, {**HEALTH, "timeout_ms": 50}]}, r"routes\[1\]\.timeout_ms"),
        ({"cors": {**NO_CORS, "max_age_s": 90000, "allow_credentials": None}}, r"cors\.max_age_s"),
        ({"cors": {**NO_CORS, "allow_origins": ["*"], "allow_credentials": True}}, r"cors\.allow_credentials"),
        ({"throttling": {"burst": -1, "rate_per_s": 5.0}}, "throttling"),
        ({"domain": {**DOMAIN, "certificate_arn": CERTIFICATE.replace(HERE, "us-east-1")}}, r"domain\.certificate_arn"),
        ({"access_log": {**LOG, "log_group_arn": "/api"}}, r"access_log\.log_group_arn"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_option(run, change, names):
    gateway = Gateway()
    with pytest.raises(Refused, match=names):
        run(gateway, **change)
    assert gateway.calls == []


def test_an_api_goes_once_with_its_domain_name(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    assert run(gateway, state="absent", domain=DOMAIN, check_mode=True)["changed"] and gateway.calls == []
    assert run(gateway, state="absent", domain=DOMAIN)["changed"]
    assert gateway.calls == ["delete_api_mapping", "delete_domain_name", "delete_api"]
    assert not run(gateway, state="absent", domain=DOMAIN)["changed"]


def test_a_domain_name_that_serves_something_else_too_stays(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    gateway._create_api_mapping("meet.example.org", "elsewhere", "$default", "old")
    run(gateway, state="absent", domain=DOMAIN)
    assert gateway.calls == ["delete_api_mapping", "delete_api"]


def test_an_api_that_a_domain_name_serves_is_not_deleted_unasked(run):
    gateway = Gateway()
    run(gateway, domain=DOMAIN)
    with pytest.raises(Refused, match="meet.example.org"):
        run(gateway, state="absent")
    assert gateway.calls == []
