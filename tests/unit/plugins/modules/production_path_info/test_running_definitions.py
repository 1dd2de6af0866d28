# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that is found is the one to which tasks write now, not the one of a definition that was asked for."""

import pytest
from ansible_collections.medzen.multiregion.plugins.modules import production_path_info

REGION = "af-south-1"
SERVICE = {
    "serviceArn": "arn:s",
    "serviceName": "ehrbase-service",
    "loadBalancers": [{"targetGroupArn": "group"}],
    "taskDefinition": "d:2",
}


class Reader:
    """A region in which each revision of the definition names its own host."""

    def __init__(self, hosts, running):
        self.hosts = hosts
        deployments = [{"taskDefinition": name, "runningCount": count} for name, count in running.items()]
        self.service = {**SERVICE, "deployments": deployments}

    def services(self, _region):
        return [self.service]

    def definition(self, _region, arn):
        environment = [{"name": "DB_URL", "value": f"jdbc:postgresql://{self.hosts[arn]}/ehrbase"}]
        return {"taskDefinitionArn": arn, "containerDefinitions": [{"name": "ehrbase", "environment": environment}]}

    def databases(self, _regions):
        instances = [
            {"DBInstanceIdentifier": host, "DBInstanceArn": f"arn:{host}", "Endpoint": {"Address": host}}
            for host in set(self.hosts.values())
        ]
        return {REGION: instances}


@pytest.mark.parametrize(
    ("hosts", "running", "verdict", "identifier"),
    [
        # An ordinary rollout to the same database.
        ({"d:1": "db", "d:2": "db"}, {"d:2": 1, "d:1": 2}, "found", "db"),
        # The new definition names another database, and its tasks do not come up.
        ({"d:1": "old", "d:2": "new"}, {"d:2": 0, "d:1": 2}, "found", "old"),
        ({"d:1": "old", "d:2": "new"}, {"d:2": 1, "d:1": 2}, "many", None),
        ({"d:1": "old", "d:2": "new"}, {"d:2": 0, "d:1": 0}, "found", "new"),
    ],
)
def test_the_database_is_that_of_the_tasks_that_run(hosts, running, verdict, identifier):
    reader = Reader(hosts, running)
    hops, database = production_path_info.follow_services(reader, REGION, ["group"], [REGION], [])
    (definitions,) = [hop for hop in hops if hop.hop == "task_definition"]
    assert (definitions.verdict, database and database["identifier"]) == (verdict, identifier)
