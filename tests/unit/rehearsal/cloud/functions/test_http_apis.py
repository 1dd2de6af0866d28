# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP APIs of the session's world: the API, what the edge is told, and the way of a request."""

import base64
import json

import pytest

from rehearsal.cloud import acm, http_apis
from rehearsal.cloud.functions.model import failure

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def installed(world, invoker):
    if "http-apis" not in world.control_routes:
        http_apis.install(world)
    return world


@pytest.fixture
def apis(installed, client):
    return client("apigatewayv2")


@pytest.fixture
def ask(installed):
    """Send a request as the edge does: ask(entry, "GET", "/path") -> (status, body)."""

    def send(entry, method="GET", path="/", headers=(), body=b"", query=""):
        row = {"region": REGION, "entry": entry, "method": method, "path": path, "query": query}
        row |= {"headers": list(headers), "body": base64.b64encode(body).decode(), "source_ip": "127.0.0.1"}
        answer = installed.control_routes["http-apis"]("POST", row, {})
        return answer["status"], base64.b64decode(answer["body"]).decode()

    return send


@pytest.fixture
def api(apis, create, lambdas, code):
    """An API with GET /health on a function that echoes its route; returns id, integration and function."""
    code(lambda event: {"statusCode": 200, "body": event["routeKey"]})
    function = create()
    made = apis.create_api(Name="chime", ProtocolType="HTTP")
    integration = apis.create_integration(
        ApiId=made["ApiId"],
        IntegrationType="AWS_PROXY",
        IntegrationUri=function["FunctionArn"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    add_route(apis, made["ApiId"], "GET /health", integration)
    lambdas.add_permission(
        FunctionName=function["FunctionName"],
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{made['ApiId']}/*/*",
    )
    return made["ApiId"], integration, function["FunctionName"]


def add_route(apis, api_id, key, integration, **options):
    apis.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration}", **options)


@pytest.fixture
def live(apis, api):
    apis.create_stage(ApiId=api[0], StageName="$default", AutoDeploy=True)
    return api


def test_an_api_has_a_name_an_address_and_a_row_for_the_edge(installed, live):
    name = f"{live[0]}.execute-api.{REGION}.amazonaws.com."
    row = next(one for one in installed.edge_rows[-1]() if one["name"] == live[0])
    assert installed.hosts[name]["address"] == row["address"]
    listener = row["listeners"][0]
    assert (listener["port"], listener["protocol"]) == (8443, "HTTPS")
    assert listener["actions"] == [{"type": "http-api", "region": REGION, "entry": live[0]}]


def test_a_route_invokes_its_function_and_gives_its_answer(live, ask):
    assert ask(live[0], path="/health") == (200, "GET /health")


def test_an_unknown_route_and_an_api_without_a_stage_are_not_found(api, ask, apis):
    assert ask(api[0], path="/health") == (404, '{"message": "Not Found"}')
    apis.create_stage(ApiId=api[0], StageName="$default", AutoDeploy=True)
    assert ask(api[0], path="/other") == (404, '{"message": "Not Found"}')


def test_every_request_is_counted_whatever_comes_of_it(installed, live, ask, client):
    for path in ("/health", "/other"):
        ask(live[0], path=path)
    now = installed.clock.now()
    found = client("cloudwatch", REGION).get_metric_statistics(
        Namespace="AWS/ApiGateway",
        MetricName="Count",
        Dimensions=[{"Name": "ApiId", "Value": live[0]}],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) == 2


def test_without_permission_or_after_an_error_the_server_failed(live, ask, lambdas, code):
    code(lambda event: failure("KeyError", "secret detail"))
    assert ask(live[0], path="/health") == (500, '{"message": "Internal Server Error"}')
    code(lambda event: "fine")
    lambdas.remove_permission(FunctionName=live[2], StatementId="api")
    assert ask(live[0], path="/health")[0] == 500


def test_an_integration_that_takes_too_long_is_unavailable(live, ask, apis, code):
    import threading

    apis.update_integration(ApiId=live[0], IntegrationId=live[1], TimeoutInMillis=50)
    never = threading.Event()
    code(lambda event: never.wait(5))
    assert ask(live[0], path="/health") == (503, '{"message": "Service Unavailable"}')
    never.set()


def test_a_stage_without_auto_deploy_serves_what_was_deployed(api, ask, apis):
    apis.create_stage(ApiId=api[0], StageName="live")
    assert ask(api[0], path="/live/health")[0] == 404
    made = apis.create_deployment(ApiId=api[0], StageName="live")
    add_route(apis, api[0], "GET /later", api[1])
    assert ask(api[0], path="/live/health")[0] == 200
    assert ask(api[0], path="/live/later")[0] == 404
    assert apis.get_stage(ApiId=api[0], StageName="live")["DeploymentId"] == made["DeploymentId"]


def test_a_stage_can_be_changed(live, apis):
    changed = apis.update_stage(ApiId=live[0], StageName="$default", StageVariables={"a": "b"}, Description="new")
    assert (changed["StageVariables"], changed["AutoDeploy"]) == ({"a": "b"}, True)
    assert apis.get_stage(ApiId=live[0], StageName="$default")["Description"] == "new"


def test_a_route_with_a_jwt_authorizer_wants_a_token(live, ask, apis):
    authorizer = apis.create_authorizer(
        ApiId=live[0],
        AuthorizerType="JWT",
        Name="supabase",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["app"], "Issuer": "https://issuer"},
    )["AuthorizerId"]
    add_route(apis, live[0], "GET /closed", live[1], AuthorizationType="JWT", AuthorizerId=authorizer)
    claims = {"iss": "https://issuer", "aud": "app", "exp": 4_000_000_000}
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert ask(live[0], path="/closed") == (401, '{"message": "Unauthorized"}')
    assert ask(live[0], path="/closed", headers=[("Authorization", f"Bearer e30.{part}.x")])[0] == 200


def test_quick_create_makes_an_api_that_answers(apis, create, lambdas, code, ask):
    code(lambda event: {"statusCode": 204})
    function = create()
    made = apis.create_api(Name="quick", ProtocolType="HTTP", Target=function["FunctionArn"])
    lambdas.add_permission(
        FunctionName=function["FunctionName"],
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    assert ask(made["ApiId"], "POST", "/anything")[0] == 204


def test_tags_round_trip(apis, api):
    arn = f"arn:aws:apigateway:{REGION}::/apis/{api[0]}"
    apis.tag_resource(ResourceArn=arn, Tags={"Workload": "chime"})
    assert apis.get_api(ApiId=api[0])["Tags"] == {"Workload": "chime"}
    apis.untag_resource(ResourceArn=arn, TagKeys=["Workload"])
    assert apis.get_tags(ResourceArn=arn)["Tags"] == {}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://example.org"}, "NotImplemented"),
        ({"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0"}, "BadRequestException"),
        ({"IntegrationType": "AWS_PROXY", "IntegrationUri": "arn"}, "BadRequestException"),
    ],
)
def test_an_integration_that_cannot_work_is_refused(apis, api, refused, options, error):
    with refused(error):
        apis.create_integration(ApiId=api[0], **options)


def test_a_route_key_is_taken_once_and_an_integration_in_use_is_kept(apis, api, refused):
    with refused("ConflictException"):
        add_route(apis, api[0], "GET /health", api[1])
    with refused("ConflictException"):
        apis.delete_integration(ApiId=api[0], IntegrationId=api[1])


@pytest.fixture
def certificate(installed, client, monkeypatch):
    """An issued certificate for visit.example.org, as the domain names look it up."""
    from types import SimpleNamespace

    arn = f"arn:aws:acm:{REGION}:123456789012:certificate/visit"
    bundle = SimpleNamespace(arn=arn, sans=["visit.example.org"], status="ISSUED", cert=b"certificate", key=b"key")
    find = {arn: bundle}.get
    monkeypatch.setattr("rehearsal.cloud.http_apis.domains.find_certificate", find)
    monkeypatch.setattr("rehearsal.cloud.http_apis.find_certificate", find)
    return bundle


@pytest.fixture
def domain(apis, live, certificate):
    """A domain name that is mapped to the API; it goes with the test."""
    configuration = {"CertificateArn": certificate.arn, "EndpointType": "REGIONAL"}
    made = apis.create_domain_name(DomainName="visit.example.org", DomainNameConfigurations=[configuration])
    apis.create_api_mapping(DomainName="visit.example.org", ApiId=live[0], Stage="$default", ApiMappingKey="chime")
    yield made["DomainNameConfigurations"][0]
    apis.delete_domain_name(DomainName="visit.example.org")


def test_a_domain_name_leads_to_the_api_by_its_mapping(domain, ask, installed):
    assert domain["HostedZoneId"] == "Z1U9ULNL0V5AJ3"
    assert installed.hosts[f"{domain['ApiGatewayDomainName']}."]["zone_id"] == "Z1U9ULNL0V5AJ3"
    assert ask("visit.example.org", path="/chime/health") == (200, "GET /health")
    assert ask("visit.example.org", path="/health")[0] == 404


def test_an_api_that_is_mapped_stays_until_its_domain_name_goes(domain, apis, live, refused, certificate):
    with refused("BadRequestException"):
        apis.delete_api(ApiId=live[0])
    assert acm.users_of(certificate.arn) == [f"arn:aws:apigateway:{REGION}::/domainnames/visit.example.org"]


@pytest.mark.parametrize(("change", "value"), [("status", "PENDING_VALIDATION"), ("sans", ["*.other.org"])])
def test_a_certificate_that_is_pending_or_of_another_name_is_refused(apis, certificate, refused, change, value):
    setattr(certificate, change, value)
    with refused("BadRequestException"):
        apis.create_domain_name(
            DomainName="visit.example.org", DomainNameConfigurations=[{"CertificateArn": certificate.arn}]
        )


def test_a_deleted_api_has_no_name_any_more(apis, api, installed):
    apis.delete_api(ApiId=api[0])
    assert f"{api[0]}.execute-api.{REGION}.amazonaws.com." not in installed.hosts
