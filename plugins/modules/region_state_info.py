#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: region_state_info
short_description: Read what one region has of a workload, in one call
version_added: 1.0.0
description:
  - Finds the network, key, secrets, certificate, database, cluster, service and balancer of a workload by their names
    and returns the identifiers that the roles of this collection take as their defaults.
  - Reads the services side by side, because a task costs half a second and a region has twenty things to ask for.
  - What is not there is V(null) or an empty list. What could not be read fails the task; it is never taken for absent.
  - Needs C(ec2:Describe*), C(kms:DescribeKey), C(secretsmanager:ListSecrets), C(acm:ListCertificates),
    C(acm:DescribeCertificate), C(rds:DescribeDBInstances), C(rds:DescribeDBParameterGroups), C(ecs:DescribeClusters),
    C(ecs:DescribeServices), C(sns:GetTopicAttributes), C(elasticloadbalancing:DescribeLoadBalancers) and
    C(elasticloadbalancing:DescribeTargetGroups).
author:
  - MedZen platform team (@medzen)
attributes:
  check_mode: {description: Can run in check mode and does the same., support: full}
  diff_mode: {description: Changes nothing., support: N/A}
options:
  workload:
    description: Prefix of every name, as in C(<workload>-vpc-<region>).
    type: str
    required: true
  record:
    description: Domain name of the certificate to look for.
    type: str
    default: ""
  service:
    description: Name of the ECS service.
    type: str
    default: ehrbase-service
  database_identifiers:
    description:
      - Identifiers of the database instance, the first that exists is returned.
      - The default is C(<workload>-db-<region>).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Read what Frankfurt has
  medzen.multiregion.region_state_info:
    region: eu-central-1
    workload: medzen-ehrbase
    record: ehr.medzenhealth.app
  register: region_state
"""

RETURN = r"""
region:
  description: What was found. Each part is V(null), or empty, where nothing is there.
  returned: always
  type: dict
  contains:
    vpc_id: {description: The VPC., type: str, sample: vpc-0a1b2c3d}
    public_subnet_ids: {description: "Subnets that give public addresses, by CIDR.", type: list, elements: str}
    private_subnet_ids: {description: "The other subnets, by CIDR.", type: list, elements: str}
    internet_gateway_id: {description: The internet gateway., type: str}
    nat_gateways: {description: "Living NAT gateways (id, state, subnet_id).", type: list, elements: dict}
    s3_endpoint_id: {description: The gateway endpoint of S3., type: str}
    security_group_ids: {description: "Groups by their part: alb, ecs, rds.", type: dict}
    kms_key_arn: {description: The key behind C(alias/<workload>-<region>)., type: str}
    secrets: {description: ARNs of the secrets by name., type: dict}
    certificate_arn: {description: The newest issued certificate of O(record)., type: str}
    database:
      description: "Instance: identifier, arn, endpoint, port, status, is_replica, source_arn, replication_problem."
      type: dict
    parameter_group: {description: Name of the parameter group., type: str}
    cluster_arn: {description: The active cluster., type: str}
    service: {description: "The service: arn, task_definition, desired, running.", type: dict}
    target_group_arn: {description: The target group., type: str}
    alarm_topic_arn: {description: The topic C(<workload>-alarms-<region>)., type: str}
    balancer: {description: "The balancer: arn, dns_name, zone_id, state.", type: dict}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.certificates import list_certificates
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.rds import (
    describe_instance,
    is_replica,
    replication_problem,
    source_arn,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

GROUPS = ("alb", "ecs", "rds")


@describe("read the network {name}")
def read_network(ec2, name: str, region: str, workload: str) -> dict:
    vpcs = paginate(ec2, "describe_vpcs", "Vpcs", Filters=[{"Name": "tag:Name", "Values": [name]}])
    if not vpcs:
        return network_values(None, [], [], [], [], {})
    here = [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    groups = paginate(ec2, "describe_security_groups", "SecurityGroups", Filters=here)
    return network_values(
        vpcs[0],
        paginate(ec2, "describe_subnets", "Subnets", Filters=here),
        paginate(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached),
        paginate(ec2, "describe_nat_gateways", "NatGateways", Filters=here),
        paginate(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=here),
        {part: group_id(groups, f"{workload}-{part}-{region}") for part in GROUPS},
    )


def group_id(groups: list, name: str) -> str | None:
    return next((group["GroupId"] for group in groups if group["GroupName"] == name), None)


def network_values(vpc: dict | None, subnets: list, gateways: list, nats: list, endpoints: list, groups: dict) -> dict:
    """The network as the roles need it: subnets in the order of their addresses, gateways in that of their subnets."""
    ordered = sorted(subnets, key=lambda subnet: [int(part) for part in subnet["CidrBlock"].split("/")[0].split(".")])
    public = [subnet["SubnetId"] for subnet in ordered if subnet.get("MapPublicIpOnLaunch")]
    living = [nat for nat in nats if nat["State"] in ("pending", "available")]
    rank = {subnet: index for index, subnet in enumerate(public)}
    return {
        "vpc_id": vpc["VpcId"] if vpc else None,
        "public_subnet_ids": public,
        "private_subnet_ids": [subnet["SubnetId"] for subnet in ordered if not subnet.get("MapPublicIpOnLaunch")],
        "internet_gateway_id": gateways[0]["InternetGatewayId"] if gateways else None,
        "nat_gateways": [
            {"id": nat["NatGatewayId"], "state": nat["State"], "subnet_id": nat["SubnetId"]}
            for nat in sorted(living, key=lambda nat: rank.get(nat["SubnetId"], len(rank)))
        ],
        "s3_endpoint_id": next((end["VpcEndpointId"] for end in endpoints if end["ServiceName"].endswith(".s3")), None),
        "security_group_ids": {part: groups.get(part) for part in GROUPS},
    }


@describe("describe the key {alias}", missing=("NotFoundException",))
def read_key(kms, alias: str) -> str | None:
    return kms.describe_key(KeyId=alias, aws_retry=True)["KeyMetadata"]["Arn"]


@describe("list the secrets of {workload}")
def read_secrets(secrets, workload: str) -> dict:
    found = paginate(secrets, "list_secrets", "SecretList")
    return {secret["Name"]: secret["ARN"] for secret in found if f"/{workload}/" in secret["Name"]}


@describe("find the certificate of {domain}")
def read_certificate(acm, domain: str) -> str | None:
    listed = list_certificates(acm, CertificateStatuses=["ISSUED"])
    fitting = [item["CertificateArn"] for item in listed if item["DomainName"] == domain]
    described = [acm.describe_certificate(CertificateArn=arn, aws_retry=True)["Certificate"] for arn in fitting]
    newest = sorted(described, key=lambda certificate: certificate["CreatedAt"], reverse=True)
    return newest[0]["CertificateArn"] if newest else None


def read_database(rds, identifiers: list[str]) -> dict | None:
    instance = next(filter(None, (describe_instance(rds, identifier) for identifier in identifiers)), None)
    return database_values(instance) if instance else None


@describe("describe the parameter group {name}", missing=("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"))
def read_parameter_group(rds, name: str) -> str | None:
    return rds.describe_db_parameter_groups(DBParameterGroupName=name, aws_retry=True)["DBParameterGroups"][0][
        "DBParameterGroupName"
    ]


def database_values(instance: dict) -> dict:
    endpoint = instance.get("Endpoint") or {}
    return {
        "identifier": instance["DBInstanceIdentifier"],
        "arn": instance["DBInstanceArn"],
        "status": instance["DBInstanceStatus"],
        "endpoint": endpoint.get("Address"),
        "port": endpoint.get("Port"),
        "is_replica": is_replica(instance),
        "source_arn": source_arn(instance),
        "replication_problem": replication_problem(instance),
    }


@describe("describe the cluster {name}")
def read_cluster(ecs, name: str) -> str | None:
    found = ecs.describe_clusters(clusters=[name], aws_retry=True)["clusters"]
    return next((cluster["clusterArn"] for cluster in found if cluster["status"] == "ACTIVE"), None)


@describe("describe the service {name}", missing=("ClusterNotFoundException",))
def read_service(ecs, cluster: str, name: str) -> dict | None:
    found = ecs.describe_services(cluster=cluster, services=[name], aws_retry=True)["services"]
    living = [service for service in found if service["status"] == "ACTIVE"]
    return service_values(living[0]) if living else None


def service_values(service: dict) -> dict:
    return {
        "arn": service["serviceArn"],
        "task_definition": service["taskDefinition"],
        "desired": service["desiredCount"],
        "running": service["runningCount"],
    }


@describe("read the topic {arn}", missing=("NotFound", "NotFoundException"))
def read_topic(sns, arn: str) -> str | None:
    return sns.get_topic_attributes(TopicArn=arn, aws_retry=True)["Attributes"]["TopicArn"]


@describe("ask for the account")
def read_account(sts) -> str:
    return sts.get_caller_identity(aws_retry=True)["Account"]


@describe("describe the target group {name}", missing=("TargetGroupNotFound", "TargetGroupNotFoundException"))
def read_target_group(elb, name: str) -> str | None:
    return elb.describe_target_groups(Names=[name], aws_retry=True)["TargetGroups"][0]["TargetGroupArn"]


@describe("describe the balancer {name}", missing=("LoadBalancerNotFound", "LoadBalancerNotFoundException"))
def read_balancer(elb, name: str) -> dict | None:
    balancer = elb.describe_load_balancers(Names=[name], aws_retry=True)["LoadBalancers"][0]
    return {
        "arn": balancer["LoadBalancerArn"],
        "dns_name": balancer["DNSName"],
        "zone_id": balancer["CanonicalHostedZoneId"],
        "state": balancer["State"]["Code"],
    }


def topic_arn(clients: Clients, region: str, name: str) -> str:
    partition = clients("sts").meta.partition
    return f"arn:{partition}:sns:{region}:{read_account(clients('sts'))}:{name}"


def read_region(module: AnsibleAWSModule) -> dict:
    region, name = module.region, module.params["workload"]
    clients = Clients(module)
    identifiers = module.params["database_identifiers"] or [f"{name}-db-{region}"]
    cluster = f"{name}-cluster-{region}"
    parts = {
        "network": lambda: read_network(clients("ec2"), f"{name}-vpc-{region}", region, name),
        "kms_key_arn": lambda: read_key(clients("kms"), f"alias/{name}-{region}"),
        "secrets": lambda: read_secrets(clients("secretsmanager"), name),
        "certificate_arn": lambda: read_certificate(clients("acm"), module.params["record"]),
        "database": lambda: read_database(clients("rds"), identifiers),
        "parameter_group": lambda: read_parameter_group(clients("rds"), f"{name}-pg-{region}"),
        "cluster_arn": lambda: read_cluster(clients("ecs"), cluster),
        "service": lambda: read_service(clients("ecs"), cluster, module.params["service"]),
        "alarm_topic_arn": lambda: read_topic(clients("sns"), topic_arn(clients, region, f"{name}-alarms-{region}")),
        "target_group_arn": lambda: read_target_group(clients("elbv2"), f"{name}-tg-{region}"),
        "balancer": lambda: read_balancer(clients("elbv2"), f"{name}-alb-{region}"),
    }
    values = dict(zip(parts, in_parallel(lambda read: read(), parts.values()), strict=True))
    return {"changed": False, "region": {**values.pop("network"), **values}}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "workload": {"type": "str", "required": True},
            "record": {"type": "str", "default": ""},
            "service": {"type": "str", "default": "ehrbase-service"},
            "database_identifiers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run(module, read_region)


if __name__ == "__main__":
    main()
