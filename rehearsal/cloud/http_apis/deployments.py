# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and stages: what a stage serves is what was deployed last, or, with auto deploy, what there is.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
"""

from __future__ import annotations

import copy
import secrets
import string
from datetime import UTC, datetime
from typing import Any

from moto.apigatewayv2.models import Api, Integration, Route, Stage, apigatewayv2_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

SERVICE = "apigatewayv2"
Routes = dict[str, tuple[Route, Integration | None]]
STAGE_MEMBERS = {
    "AutoDeploy": "auto_deploy",
    "Description": "description",
    "StageVariables": "stage_variables",
}
CAMEL_MEMBERS = {
    "AccessLogSettings": "access_log_settings",
    "DefaultRouteSettings": "default_route_settings",
}


def install(world: World) -> None:
    operations = world.operations
    for operation, answer in {
        "CreateDeployment": create_deployment,
        "GetDeployments": list_deployments,
        "GetDeployment": get_deployment,
        "DeleteDeployment": delete_deployment,
        "UpdateStage": update_stage,
    }.items():
        operations.handle(SERVICE, operation, answer)
    operations.before(SERVICE, "CreateStage", check_stage)
    operations.after(SERVICE, "CreateStage", bind_deployment)
    moto_json = Stage.to_json
    Stage.to_json = lambda stage: moto_json(stage) | _deployed(stage)


def find_api(call: Call) -> Api:
    api = apigatewayv2_backends[ACCOUNT_ID][call.region].apis.get(call.get("ApiId"))
    if api is None:
        raise ApiError("NotFoundException", f"Invalid API identifier specified {ACCOUNT_ID}:{call.get('ApiId')}", 404)
    return api


def find_stage(call: Call) -> Stage:
    stage = find_api(call).stages.get(call.get("StageName"))
    if stage is None:
        raise ApiError("NotFoundException", "Invalid stage identifier specified", 404)
    return stage


def present_routes(api: Api) -> Routes:
    """Every route with its integration, by its key."""
    return {route.route_key: (route, find_integration(api, route)) for route in api.routes.values()}


def find_integration(api: Api, route: Route) -> Integration | None:
    return api.integrations.get((route.target or "").removeprefix("integrations/"))


def served_routes(api: Api, stage: Stage) -> Routes:
    if stage.auto_deploy:
        return present_routes(api)
    deployment = deployments_of(api).get(getattr(stage, "medzen_deployment", None))
    return deployment["routes"] if deployment else {}


def deployments_of(api: Api) -> dict[str, dict[str, Any]]:
    return api.__dict__.setdefault("medzen_deployments", {})


def _deployed(stage: Stage) -> dict[str, Any]:
    deployment = getattr(stage, "medzen_deployment", None)
    return {"deploymentId": deployment} if deployment else {}


def create_deployment(call: Call) -> dict[str, Any]:
    """Freeze the routes of this moment and, when a stage is named, let it serve them."""
    api = find_api(call)
    if not api.routes:
        text = "Unable to deploy API because no routes exist in this API"
        raise ApiError("BadRequestException", text)
    stage = find_stage(call) if call.get("StageName") else None
    if stage is not None and stage.auto_deploy:
        raise ApiError("BadRequestException", f"Deployment to stage {stage.name} is automatic: it has AutoDeploy.")
    identifier = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
    routes = {key: (copy.copy(route), copy.copy(found)) for key, (route, found) in present_routes(api).items()}
    deployments_of(api)[identifier] = {
        "routes": routes,
        "DeploymentId": identifier,
        "DeploymentStatus": "DEPLOYED",
        "AutoDeployed": False,
        "CreatedDate": datetime.now(UTC),
        "Description": call.get("Description") or "",
    }
    if stage is not None:
        stage.medzen_deployment = identifier
    return _row(deployments_of(api)[identifier])


def _row(deployment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deployment.items() if name != "routes" and value != ""}


def list_deployments(call: Call) -> dict[str, Any]:
    return {"Items": [_row(one) for one in deployments_of(find_api(call)).values()]}


def get_deployment(call: Call) -> dict[str, Any]:
    return _row(_find_deployment(find_api(call), call.get("DeploymentId")))


def _find_deployment(api: Api, identifier: str) -> dict[str, Any]:
    found = deployments_of(api).get(identifier)
    if found is None:
        raise ApiError("NotFoundException", f"Invalid deployment identifier specified {identifier}", 404)
    return found


def delete_deployment(call: Call) -> dict[str, Any]:
    api = find_api(call)
    _find_deployment(api, call.get("DeploymentId"))
    users = [
        stage.name for stage in api.stages.values() if _deployed(stage).get("deploymentId") == call.get("DeploymentId")
    ]
    if users:
        text = f"Active stages pointing to this deployment must be moved or deleted: {', '.join(users)}"
        raise ApiError("BadRequestException", text)
    del deployments_of(api)[call.get("DeploymentId")]
    return {}


def check_stage(call: Call) -> None:
    api = find_api(call)
    if call.get("StageName") in api.stages:
        raise ApiError("ConflictException", "Stage already exists", 409)
    if call.get("DeploymentId"):
        _find_deployment(api, call.get("DeploymentId"))


def bind_deployment(call: Call) -> None:
    if call.get("DeploymentId"):
        find_stage(call).medzen_deployment = call.get("DeploymentId")


def update_stage(call: Call) -> dict[str, Any]:
    """moto has no such operation; what is not named stays."""
    stage = find_stage(call)
    if call.get("DeploymentId"):
        if stage.auto_deploy:
            raise ApiError("BadRequestException", f"Stage {stage.name} has AutoDeploy: it takes no deployment.")
        _find_deployment(find_api(call), call.get("DeploymentId"))
        stage.medzen_deployment = call.get("DeploymentId")
    for name, attribute in STAGE_MEMBERS.items():
        if name in call.parameters:
            setattr(stage, attribute, call.get(name))
    for name, attribute in CAMEL_MEMBERS.items():
        if name in call.parameters:
            setattr(stage, attribute, {key[0].lower() + key[1:]: value for key, value in call.get(name).items()})
    stage.updated = datetime.now()
    return shape_row(stage.to_json())


def shape_row(row: dict[str, Any]) -> dict[str, Any]:
    """moto's JSON in botocore's shape: names of members begin with a capital, values are left as they are."""
    return {name[0].upper() + name[1:]: _shaped(name, value) for name, value in row.items() if value is not None}


def _shaped(name: str, value: Any) -> Any:
    if name.endswith("Date") and isinstance(value, str):
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    if name in ("accessLogSettings", "defaultRouteSettings", "mutualTlsAuthentication") and isinstance(value, dict):
        return shape_row(value)
    if name == "domainNameConfigurations":
        return [shape_row(one) for one in value]
    return value
