# SPDX-License-Identifier: GPL-3.0-or-later
"""Services keep their tasks: rollouts, failures, the circuit breaker, deletion."""

from types import SimpleNamespace

import pytest

REGION = "eu-west-2"
DEPLOYMENT = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 50,
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
}


@pytest.fixture
def ecs(layers, launcher, client):
    return client("ecs", REGION)


@pytest.fixture
def cluster(ecs, name):
    ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def define(ecs, name):
    """Register a task definition; returns its ARN."""

    def register(**environment):
        container = {
            "name": "ehrbase",
            "image": "ehrbase/ehrbase:2.31.0",
            "memory": 512,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
        }
        made = ecs.register_task_definition(
            family=name, requiresCompatibilities=["FARGATE"], cpu="256", memory="512", containerDefinitions=[container]
        )
        return made["taskDefinition"]["taskDefinitionArn"]

    return register


@pytest.fixture
def service(ecs, cluster, define, network):
    """A service of two tasks without a balancer, and ways to look at it and change it."""
    definition = define()
    placed = {"awsvpcConfiguration": {"subnets": network.subnets, "securityGroups": [network.group]}}
    request = {
        "cluster": cluster,
        "serviceName": "svc",
        "taskDefinition": definition,
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": placed,
        "deploymentConfiguration": DEPLOYMENT,
        "tags": [{"key": "Workload", "value": "tests"}],
    }

    def look():
        return ecs.describe_services(cluster=cluster, services=["svc"], include=["TAGS"])["services"][0]

    def tasks(status="RUNNING"):
        arns = ecs.list_tasks(cluster=cluster, serviceName="svc", desiredStatus=status)["taskArns"]
        return ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []

    def update(**changes):
        return ecs.update_service(cluster=cluster, service="svc", **changes)["service"]

    def create(**changes):
        return ecs.create_service(**(request | changes))["service"]

    yield SimpleNamespace(create=create, look=look, tasks=tasks, update=update, cluster=cluster, definition=definition)
    if any(arn.endswith(f"/{cluster}") for arn in ecs.list_clusters()["clusterArns"]):
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            ecs.delete_service(cluster=cluster, service=arn, force=True)


@pytest.fixture
def running(service, take_steps):
    service.create()
    take_steps()
    return service


def messages(found):
    return "\n".join(event["message"] for event in found["events"])


def states(found):
    return [(one["status"], one["rolloutState"]) for one in found["deployments"]]


def test_tasks_take_their_time_to_start(service, take_steps):
    made = service.create()
    assert (made["runningCount"], states(made)) == (0, [("PRIMARY", "IN_PROGRESS")])
    take_steps(30, 3)
    assert (service.look()["pendingCount"], service.look()["runningCount"]) == (2, 0)
    take_steps(60, 6)
    found = service.look()
    assert (found["runningCount"], states(found)) == (2, [("PRIMARY", "COMPLETED")])
    assert "has reached a steady state" in found["events"][0]["message"]


def test_tasks_are_spread_and_show_their_address(running, network):
    details = [{row["name"]: row["value"] for row in task["attachments"][0]["details"]} for task in running.tasks()]
    assert {one["subnetId"] for one in details} == set(network.subnets)
    assert all(one["privateIPv4Address"].startswith("127.250.5") for one in details)
    assert running.look()["tags"] == [{"key": "Workload", "value": "tests"}]


def test_a_crashed_task_is_replaced_with_an_event(running, launcher, take_steps):
    victim = running.tasks()[0]["taskArn"].rpartition("/")[2]
    launcher.running.pop(next(name for name, task in launcher.running.items() if task.id == victim))
    take_steps()
    assert victim not in str([task["taskArn"] for task in running.tasks()])
    assert running.look()["runningCount"] == 2
    assert f"(task {victim}) failed: Essential container in task exited: ERROR no database" in messages(running.look())


def test_a_stopped_task_is_replaced(running, ecs, take_steps):
    victim = running.tasks()[0]["taskArn"]
    stopped = ecs.stop_task(cluster=running.cluster, task=victim, reason="a test")["task"]
    assert (stopped["lastStatus"], stopped["desiredStatus"]) == ("DEACTIVATING", "STOPPED")
    take_steps()
    assert running.look()["runningCount"] == 2
    assert [task["stoppedReason"] for task in running.tasks("STOPPED")] == ["a test"]


def test_a_new_deployment_starts_new_tasks_before_it_ends_old_ones(running, take_steps):
    old = {task["taskArn"] for task in running.tasks()}
    made = running.update(forceNewDeployment=True)
    assert states(made) == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]
    take_steps(30, 3)
    assert old < {task["taskArn"] for task in running.tasks()}
    take_steps()
    assert not old & {task["taskArn"] for task in running.tasks()}
    assert states(running.look()) == [("PRIMARY", "COMPLETED")]


def test_a_changed_count_is_no_new_deployment(running, take_steps):
    before = running.look()["deployments"][0]["id"]
    running.update(desiredCount=3)
    take_steps()
    running.update(desiredCount=1)
    take_steps()
    found = running.look()
    assert (found["runningCount"], found["deployments"][0]["id"]) == (1, before)


def test_the_circuit_breaker_goes_back_to_what_worked(running, define, launcher, take_steps):
    bad = define(BROKEN="yes")
    launcher.crashing.add(bad)
    running.update(taskDefinition=bad)
    take_steps(1200, 120)
    found = running.look()
    assert found["taskDefinition"] == running.definition
    assert states(found) == [("PRIMARY", "COMPLETED")]
    assert "deployment failed: tasks failed to start" in messages(found)
    assert "rolling back" in messages(found)


def test_old_tasks_serve_while_new_ones_fail(running, define, launcher, take_steps):
    old = {task["taskArn"] for task in running.tasks()}
    bad = define(BROKEN="yes")
    launcher.crashing.add(bad)
    running.update(taskDefinition=bad)
    take_steps(1200, 120)
    assert old == {task["taskArn"] for task in running.tasks()}


def test_a_first_deployment_that_fails_stays_failed(service, launcher, take_steps):
    launcher.crashing.add(service.definition)
    service.create()
    take_steps(1200, 120)
    found = service.look()
    assert states(found) == [("PRIMARY", "FAILED")]
    assert found["deployments"][0]["failedTasks"] >= 3
    assert service.tasks() == []


def test_a_task_that_cannot_be_prepared_says_why(service, launcher, take_steps):
    launcher.unpreparable = "ResourceInitializationError: no secret"
    service.create()
    take_steps(200, 20)
    assert "ResourceInitializationError: no secret" in messages(service.look())
    assert service.look()["deployments"][0]["failedTasks"] > 0


def test_only_a_service_scaled_to_zero_or_forced_is_deleted(running, ecs, take_steps, refused):
    with refused("InvalidParameterException"):
        ecs.delete_service(cluster=running.cluster, service="svc")
    made = ecs.delete_service(cluster=running.cluster, service="svc", force=True)["service"]
    assert made["status"] == "DRAINING"
    assert ecs.list_services(cluster=running.cluster)["serviceArns"] == []
    with refused("ClusterContainsServicesException"):
        ecs.delete_cluster(cluster=running.cluster)
    take_steps()
    assert running.look()["status"] == "INACTIVE"
    ecs.delete_cluster(cluster=running.cluster)
    assert not any(running.cluster in arn for arn in ecs.list_clusters()["clusterArns"])


def test_a_draining_service_cannot_be_created_or_updated(running, ecs, refused):
    ecs.delete_service(cluster=running.cluster, service="svc", force=True)
    with refused("InvalidParameterException"):
        running.create()
    with refused("ServiceNotActiveException"):
        running.update(desiredCount=1)


def test_a_service_is_created_once(running, refused):
    with refused("InvalidParameterException"):
        running.create()


def test_its_network_must_exist(service, network, refused):
    placed = {"awsvpcConfiguration": {"subnets": ["subnet-12345678"], "securityGroups": [network.group]}}
    with refused("InvalidParameterException"):
        service.create(networkConfiguration=placed)


def test_interfaces_of_tasks_keep_their_group(running, client, network, refused, ecs, take_steps):
    ec2 = client("ec2", REGION)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=network.group)


def test_tasks_outside_of_a_service_are_refused(ecs, cluster, define):
    with pytest.raises(Exception, match="NotImplemented"):
        ecs.run_task(cluster=cluster, taskDefinition=define())


def test_a_cluster_counts_and_names_its_capacity_providers(running, ecs):
    found = ecs.describe_clusters(clusters=[running.cluster])["clusters"][0]
    assert (found["activeServicesCount"], found["runningTasksCount"], found["capacityProviders"]) == (1, 2, [])


def test_settings_of_a_cluster_can_be_changed(ecs, cluster):
    settings = [{"name": "containerInsights", "value": "enabled"}]
    assert ecs.update_cluster_settings(cluster=cluster, settings=settings)["cluster"]["settings"] == settings


class TestBehindABalancer:
    """Tasks count once their balancer finds them healthy."""

    @pytest.fixture
    def balanced(self, service, listener, group):
        row = {"targetGroupArn": group, "containerName": "ehrbase", "containerPort": 8080}
        service.create(loadBalancers=[row], healthCheckGracePeriodSeconds=60)
        return service

    @pytest.fixture
    def say(self, elb, group, report):
        """Report one state for every registered target."""

        def report_all(state):
            rows = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            report(group, {f"{row['Target']['Id']}:{row['Target']['Port']}": state for row in rows})

        return report_all

    def test_a_group_without_a_balancer_is_refused(self, service, group, refused):
        row = {"targetGroupArn": group, "containerName": "ehrbase", "containerPort": 8080}
        with refused("InvalidParameterException"):
            service.create(loadBalancers=[row])

    def test_a_deployment_is_complete_when_its_targets_are_healthy(self, balanced, take_steps, say):
        take_steps(120, 12)
        assert states(balanced.look()) == [("PRIMARY", "IN_PROGRESS")]
        say("healthy")
        take_steps(10, 1)
        assert states(balanced.look()) == [("PRIMARY", "COMPLETED")]

    def test_the_time_until_a_task_is_healthy_is_a_wait_of_its_own(self, balanced, take_steps, say, world):
        take_steps(120, 12)
        say("healthy")
        take_steps(10, 1)
        created = {f"svc/{task['taskArn'].rsplit('/', 1)[1][:12]}" for task in balanced.tasks()}
        waits = [row.row() for row in world.clock.waits if row.kind == "task_healthy" and row.resource in created]
        assert len(waits) == 2 and all(row["end"] - row["start"] >= 119 / world.clock.scale for row in waits)

    def test_old_targets_stay_until_new_ones_are_healthy(self, balanced, take_steps, say, elb, group):
        take_steps(120, 12)
        say("healthy")
        take_steps(10, 1)
        balanced.update(forceNewDeployment=True)
        take_steps(120, 12)
        rows = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert len([row for row in rows if row["TargetHealth"]["State"] == "healthy"]) == 2
        say("healthy")
        take_steps(10, 1)
        rows = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert sorted(row["TargetHealth"]["State"] for row in rows) == ["draining"] * 2 + ["healthy"] * 2

    def test_a_task_is_signalled_only_when_it_has_drained(self, balanced, take_steps, say, launcher):
        take_steps(120, 12)
        say("healthy")
        take_steps(10, 1)
        balanced.update(desiredCount=1)
        take_steps(280, 7)
        assert len([task for task in launcher.running.values() if task.cluster == balanced.cluster]) == 2
        take_steps(60, 2)
        assert len([task for task in launcher.running.values() if task.cluster == balanced.cluster]) == 1

    def test_an_unhealthy_task_is_replaced_after_its_grace_period(self, balanced, take_steps, say):
        take_steps(70, 7)
        first = {task["taskArn"] for task in balanced.tasks()}
        say("unhealthy")
        take_steps(200, 5)
        assert first == {task["taskArn"] for task in balanced.tasks()}
        take_steps(1000, 20)
        assert first != {task["taskArn"] for task in balanced.tasks()}
        assert "is unhealthy in (target-group" in messages(balanced.look())
