# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate, balancer, cluster and service of one region of the world before."""

from __future__ import annotations

from typing import Any

from rehearsal.seed_aws import Place, SeedError, tag_list, wait_for
from rehearsal.seed_database import ADMIN_PASSWORD, BASIC_AUTH, USER_PASSWORD, DatabaseBuilder
from rehearsal.seed_network import Network
from rehearsal.seed_records import ZoneBuilder

DIMENSION = "ecs:service:DesiredCount"
SCALED_METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}


class ServiceBuilder:
    """Puts EHRbase behind its balancer."""

    def __init__(self, place: Place, zone: ZoneBuilder) -> None:
        self._place, self._zone = place, zone
        self._service, self._balancer = place.estate["service"], place.estate["balancer"]
        self._layout = place.estate["network"]
        self._target_group = ""
        self._balancer_arn = ""
        self.dns_name = ""

    # --- balancer

    def build_balancer(self, network: Network) -> None:
        """Certificate, target group, balancer, and its listeners as soon as the certificate is issued."""
        certificate = self._request_certificate()
        self._build_target_group(network)
        self._build_balancer(network)
        acm = self._place.client("acm")
        wait_for(
            f"Certificate of {self._place.region}",
            lambda: acm.describe_certificate(CertificateArn=certificate)["Certificate"]["Status"],
            "ISSUED",
        )
        self._build_listeners(certificate)

    def _request_certificate(self) -> str:
        acm, estate = self._place.client("acm"), self._place.estate
        arn = acm.request_certificate(
            DomainName=estate["record"],
            SubjectAlternativeNames=[estate["record"], estate["dr_record"]],
            ValidationMethod="DNS",
            Tags=tag_list(self._place.tags),
        )["CertificateArn"]
        options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        self._zone.validate([option["ResourceRecord"] for option in options])
        return arn

    def _build_target_group(self, network: Network) -> None:
        elbv2, plan = self._place.client("elbv2"), self._balancer
        made = elbv2.create_target_group(
            Name=self._place.name("tg"),
            Protocol="HTTP",
            Port=self._layout["service_port"],
            VpcId=network.vpc,
            TargetType="ip",
            HealthCheckPath=plan["health_path"],
            HealthCheckIntervalSeconds=plan["health_interval_s"],
            Matcher={"HttpCode": "200"},
            Tags=tag_list(self._place.tags),
        )
        self._target_group = made["TargetGroups"][0]["TargetGroupArn"]
        attributes = {
            "deregistration_delay.timeout_seconds": plan["deregistration_delay_s"],
            "stickiness.enabled": "true",
            "stickiness.type": "lb_cookie",
            "stickiness.lb_cookie.duration_seconds": plan["stickiness_s"],
        }
        elbv2.modify_target_group_attributes(TargetGroupArn=self._target_group, Attributes=_attributes(attributes))

    def _build_balancer(self, network: Network) -> None:
        elbv2 = self._place.client("elbv2")
        balancer = elbv2.create_load_balancer(
            Name=self._place.name("alb"),
            Subnets=network.public,
            SecurityGroups=[network.groups["alb"]],
            Scheme="internet-facing",
            Type="application",
            Tags=tag_list(self._place.tags),
        )["LoadBalancers"][0]
        self._balancer_arn, self.dns_name = balancer["LoadBalancerArn"], balancer["DNSName"]
        attributes = {
            "deletion_protection.enabled": "true",
            "idle_timeout.timeout_seconds": self._balancer["idle_timeout_s"],
        }
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=self._balancer_arn, Attributes=_attributes(attributes))

    def _build_listeners(self, certificate: str) -> None:
        elbv2, tags = self._place.client("elbv2"), tag_list(self._place.tags)
        elbv2.create_listener(
            LoadBalancerArn=self._balancer_arn,
            Protocol="HTTPS",
            Port=self._layout["https_port"],
            SslPolicy=self._balancer["ssl_policy"],
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self._target_group}],
            Tags=tags,
        )
        redirect = {"Protocol": "HTTPS", "Port": str(self._layout["https_port"]), "StatusCode": "HTTP_301"}
        elbv2.create_listener(
            LoadBalancerArn=self._balancer_arn,
            Protocol="HTTP",
            Port=self._layout["http_port"],
            DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
            Tags=tags,
        )

    # --- cluster and service

    def build_cluster(self) -> None:
        logs, group = self._place.client("logs"), self._service["log_group"]
        logs.create_log_group(logGroupName=group, tags=self._place.tags)
        logs.put_retention_policy(logGroupName=group, retentionInDays=self._service["log_retention_days"])
        self._place.client("ecs").create_cluster(
            clusterName=self._place.name("cluster"),
            settings=[{"name": "containerInsights", "value": "enabled"}],
            tags=tag_list(self._place.tags, "key", "value"),
        )

    def build_service(self, network: Network, database: DatabaseBuilder) -> None:
        """Start EHRbase over a database that is prepared; it makes its tables at its first start."""
        ecs, tasks = self._place.client("ecs"), self._place.plan["tasks"]
        definition = ecs.register_task_definition(**self._build_definition(database))["taskDefinition"]
        private = {"subnets": network.private, "securityGroups": [network.groups["ecs"]], "assignPublicIp": "DISABLED"}
        target = {
            "targetGroupArn": self._target_group,
            "containerName": "ehrbase",
            "containerPort": self._layout["service_port"],
        }
        ecs.create_service(
            cluster=self._place.name("cluster"),
            serviceName=self._service["name"],
            taskDefinition=definition["taskDefinitionArn"],
            desiredCount=tasks["desired"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": private},
            loadBalancers=[target],
            deploymentConfiguration={
                "maximumPercent": 200,
                "minimumHealthyPercent": 50,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            healthCheckGracePeriodSeconds=60,
            tags=tag_list(self._place.tags, "key", "value"),
        )
        self._scale(tasks)

    def _build_definition(self, database: DatabaseBuilder) -> dict[str, Any]:
        role = self._place.role_arn(self._service["execution_role"])
        container = {
            "name": "ehrbase",
            "image": self._service["image"],
            "essential": True,
            "portMappings": [{"containerPort": self._layout["service_port"], "protocol": "tcp"}],
            "environment": tag_list(self._build_environment(database), "name", "value"),
            "secrets": [
                {"name": "DB_PASS", "valueFrom": database.secret_arns[USER_PASSWORD]},
                {"name": "DB_PASS_ADMIN", "valueFrom": database.secret_arns[ADMIN_PASSWORD]},
                {"name": "SECURITY_AUTHPASSWORD", "valueFrom": database.secret_arns[BASIC_AUTH]},
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self._service["log_group"],
                    "awslogs-region": self._place.region,
                    "awslogs-stream-prefix": "ehrbase",
                },
            },
        }
        return {
            "family": f"{self._place.estate['workload']}-{self._place.region}",
            "containerDefinitions": [container],
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": self._service["cpu"],
            "memory": self._service["memory"],
            "executionRoleArn": role,
            "taskRoleArn": role,
            "tags": tag_list(self._place.tags, "key", "value"),
        }

    def _build_environment(self, database: DatabaseBuilder) -> dict[str, str]:
        plan = self._place.estate["database"]
        return {
            "DB_URL": f"jdbc:postgresql://{database.endpoint}/{plan['name']}",
            "DB_USER": plan["application_user"],
            "DB_USER_ADMIN": plan["admin_user"],
            "SERVER_NODENAME": self._place.estate["record"],
            "SECURITY_AUTHTYPE": "BASIC",
            "SECURITY_AUTHUSER": self._service["basic_auth_user"],
            "MANAGEMENT_ENDPOINT_HEALTH_ACCESS": "read_only",
            "MANAGEMENT_ENDPOINTS_WEB_ACCESS": "PUBLIC",
            "SPRING_FLYWAY_EHRSTRATEGY": "MIGRATE",
            "SPRING_FLYWAY_EXTSTRATEGY": "MIGRATE",
        }

    def _scale(self, tasks: dict[str, int]) -> None:
        scaling = self._place.client("application-autoscaling")
        resource = f"service/{self._place.name('cluster')}/{self._service['name']}"
        where = {"ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION}
        scaling.register_scalable_target(**where, MinCapacity=tasks["min"], MaxCapacity=tasks["max"])
        for policy, metric in SCALED_METRICS.items():
            scaling.put_scaling_policy(
                **where,
                PolicyName=policy,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": self._service[f"{policy}_target_percent"],
                    "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
                    "ScaleOutCooldown": self._service["scale_out_cooldown_s"],
                    "ScaleInCooldown": self._service["scale_in_cooldown_s"],
                },
            )

    def wait_until_healthy(self) -> None:
        """As many healthy targets as the service wants, and no other."""
        wanted = self._place.plan["tasks"]["desired"]
        what = f"{self._service['name']} in {self._place.region}"
        try:
            wait_for(what, self._describe_targets, f"healthy x {wanted}")
        except SeedError as problem:
            raise SeedError(f"{problem} Events of the service: {self._last_events()}") from problem

    def _describe_targets(self) -> str:
        elbv2 = self._place.client("elbv2")
        rows = elbv2.describe_target_health(TargetGroupArn=self._target_group)["TargetHealthDescriptions"]
        states = sorted({row["TargetHealth"]["State"] for row in rows})
        return f"{' and '.join(states) or 'without targets'} x {len(rows)}"

    def _last_events(self) -> list[str]:
        ecs = self._place.client("ecs")
        found = ecs.describe_services(cluster=self._place.name("cluster"), services=[self._service["name"]])
        return [event["message"] for event in found["services"][0].get("events", [])[:3]]


def _attributes(values: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": str(value)} for key, value in values.items()]
