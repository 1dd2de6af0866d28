# SPDX-License-Identifier: GPL-3.0-or-later
"""From the public name to the database that takes its writes."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import production_path as path

AF = "medzen-alb-1.af-south-1.elb.amazonaws.com"
EU = "medzen-alb-2.eu-central-1.elb.amazonaws.com"
IE = "medzen-alb-3.eu-west-1.elb.amazonaws.com"
NAME = "ehr.medzenhealth.app"
ADDRESSES = {AF: ["192.0.2.1"], EU: ["192.0.2.2"], IE: ["192.0.2.3"]}


def alias(name, target, **policy):
    return {"Name": f"{name}.", "Type": "A", "AliasTarget": {"DNSName": f"{target}."}, **policy}


def alias6(name, target, **policy):
    return alias(name, target, **policy) | {"Type": "AAAA"}


def cname(name, target, **policy):
    return {"Name": f"{name}.", "Type": "CNAME", "ResourceRecords": [{"Value": target}], **policy}


def dns(records, answers, addresses=ADDRESSES):
    return path.judge_dns(NAME, path.find_leaves(NAME, records), answers, addresses)


FAILOVER = [
    alias("main.medzenhealth.app", EU, Failover="PRIMARY"),
    alias("main.medzenhealth.app", IE, Failover="SECONDARY"),
]
TREE = [
    alias(NAME, "main.medzenhealth.app", GeoLocation={"ContinentCode": "AF"}),
    alias(NAME, "main.medzenhealth.app", GeoLocation={"CountryCode": "*"}),
    *FAILOVER,
]


@pytest.mark.parametrize(
    "name, expected",
    [
        (AF, ("medzen-alb-1", "af-south-1")),
        (f"dualstack.{EU}.", ("medzen-alb-2", "eu-central-1")),
        ("example.com", None),
        ("medzen-db.c9.eu-west-1.rds.amazonaws.com", None),
    ],
)
def test_a_balancers_name_says_where_to_look(name, expected):
    assert path.parse_balancer(name) == expected


def test_a_simple_name_leads_to_its_target():
    found = dns([cname(NAME, AF)], ["192.0.2.1"])
    assert (found.verdict, found.found) == ("found", [AF])


def test_an_aaaa_record_serves_clients_with_ipv6_whatever_the_answer_to_the_others_is():
    found = dns([alias(NAME, EU), alias6(NAME, AF)], ["192.0.2.2"])
    assert (found.verdict, found.found) == ("many", [AF, EU])


def test_an_aaaa_record_of_the_same_balancer_is_no_second_target():
    found = dns([alias(NAME, EU), alias6(NAME, EU)], ["192.0.2.2"])
    assert (found.verdict, found.found, found.problem) == ("found", [EU], "")


def test_an_alias_leads_on_to_records_of_its_own_type_only():
    records = [alias(NAME, "main.medzenhealth.app"), alias("main.medzenhealth.app", EU)]
    found = dns([*records, alias6("main.medzenhealth.app", AF)], ["192.0.2.2"])
    assert (found.verdict, found.found) == ("found", [EU])


def test_a_cname_leads_on_to_records_of_every_type():
    records = [cname(NAME, "main.medzenhealth.app"), alias("main.medzenhealth.app", EU)]
    found = dns([*records, alias6("main.medzenhealth.app", AF)], ["192.0.2.2"])
    assert found.found == [AF, EU]


def test_the_weights_of_one_type_say_nothing_of_the_other():
    records = [alias(NAME, EU, Weight=1, SetIdentifier="a"), alias6(NAME, AF, Weight=0, SetIdentifier="b")]
    assert dns(records, ["192.0.2.2"]).found == [AF, EU]


def test_a_name_that_could_not_be_resolved_is_unknown():
    assert dns([cname(NAME, AF)], None).verdict == "unknown"


def test_an_answer_that_is_no_target_of_the_records_is_unknown():
    assert dns([cname(NAME, AF)], ["203.0.113.9"]).verdict == "unknown"


def test_a_name_without_a_record_leads_nowhere():
    assert dns([], ["192.0.2.1"]).verdict == "none"


def test_a_failover_name_leads_to_the_side_that_answers():
    records = [alias(NAME, EU, Failover="PRIMARY"), alias(NAME, IE, Failover="SECONDARY")]
    assert dns(records, ["192.0.2.3"], {**ADDRESSES, NAME: ["192.0.2.3"]}).found == [IE]


@pytest.mark.parametrize("served, expected", [("192.0.2.2", EU), ("192.0.2.3", IE)])
def test_a_geolocation_tree_over_a_failover_name_leads_to_the_side_in_charge(served, expected):
    found = dns(TREE, [served], {**ADDRESSES, "main.medzenhealth.app": [served]})
    assert (found.verdict, found.found) == ("found", [expected])


@pytest.mark.parametrize("served, expected", [("192.0.2.2", EU), ("192.0.2.3", IE)])
def test_each_location_is_said_to_be_served_by_the_side_in_charge(served, expected):
    found = dns(TREE, [served], {**ADDRESSES, "main.medzenhealth.app": [served]})
    assert found.evidence["locations"] == {"continent AF": [expected], "everywhere else": [expected]}


def test_locations_that_lead_to_different_targets_serve_all_of_them():
    records = [alias(NAME, AF, GeoLocation={"ContinentCode": "AF"}), alias(NAME, EU, GeoLocation={"CountryCode": "*"})]
    found = dns(records, ["192.0.2.2"])
    assert (found.verdict, found.evidence["locations"]) == ("many", {"continent AF": [AF], "everywhere else": [EU]})


def test_a_name_without_geolocation_has_no_locations():
    assert dns([cname(NAME, AF)], ["192.0.2.1"]).evidence["locations"] == {}


def test_locations_without_a_default_are_a_problem():
    found = dns([alias(NAME, AF, GeoLocation={"ContinentCode": "AF"})], ["192.0.2.1"])
    assert (found.verdict, "rest of the world gets no answer" in found.problem) == ("found", True)


def test_a_location_is_described_as_its_record_files_it():
    place = {"CountryCode": "US", "SubdivisionCode": "VA"}
    assert path.location_of({"GeoLocation": place}) == "country US, subdivision VA"


def test_weighted_records_serve_all_their_targets():
    records = [cname(NAME, AF, Weight=90, SetIdentifier="a"), cname(NAME, EU, Weight=10, SetIdentifier="b")]
    found = dns(records, ["192.0.2.1"])
    assert (found.verdict, found.found) == ("many", [AF, EU])


def test_weight_0_takes_no_share_unless_all_have_it():
    records = [cname(NAME, AF, Weight=0, SetIdentifier="a"), cname(NAME, EU, Weight=10, SetIdentifier="b")]
    assert dns(records, ["192.0.2.2"]).found == [EU]
    records[1]["Weight"] = 0
    assert dns(records, ["192.0.2.2"]).found == [AF, EU]


def test_records_that_lead_in_a_circle_end():
    records = [cname(NAME, "b.app"), cname("b.app", NAME)]
    assert path.find_leaves(NAME, records)[0].target in (NAME, "b.app")


def test_a_balancer_is_one_that_its_region_shows():
    listed = [
        {"DNSName": AF, "LoadBalancerArn": "arn:lb", "LoadBalancerName": "medzen-alb", "State": {"Code": "active"}}
    ]
    assert path.judge_balancer(AF, listed).found == ["arn:lb"]
    assert path.judge_balancer(AF, []).verdict == "none"
    assert path.judge_balancer(AF, None).verdict == "unknown"


def test_a_group_with_weight_0_takes_no_requests():
    groups = [{"TargetGroupArn": "a", "Weight": 0}, {"TargetGroupArn": "b", "Weight": 1}]
    assert path.forwarded_groups([{"TargetGroupArn": "b", "ForwardConfig": {"TargetGroups": groups}}]) == ["b"]


def test_groups_whose_health_is_not_known_are_unknown():
    assert path.judge_groups(["a"], {"a": None}).verdict == "unknown"


def test_no_healthy_target_is_a_problem():
    assert path.judge_groups(["a"], {"a": [{"TargetHealth": {"State": "draining"}}]}).problem == "no target is healthy"


SERVICE = {"serviceArn": "arn:s", "serviceName": "ehrbase-service", "loadBalancers": [{"targetGroupArn": "a"}]}


def test_the_service_is_the_one_that_registers_in_the_group():
    assert path.judge_services(["a"], [SERVICE, {**SERVICE, "loadBalancers": []}], "r").found == ["arn:s"]
    assert path.judge_services(["b"], [SERVICE], "r").verdict == "none"
    assert path.judge_services(["a"], None, "r").verdict == "unknown"


def deployment(revision, running):
    return {"taskDefinition": f"d:{revision}", "runningCount": running}


@pytest.mark.parametrize(
    ("deployments", "expected"),
    [
        ([deployment(2, 1)], ["d:2"]),
        # A rollout under way, and one whose new tasks do not come up.
        ([deployment(2, 1), deployment(1, 2)], ["d:2", "d:1"]),
        ([deployment(2, 0), deployment(1, 2)], ["d:1"]),
        ([deployment(2, 1), deployment(2, 2)], ["d:2"]),
        # Nothing runs: what was asked for is all there is.
        ([deployment(2, 0), deployment(1, 0)], ["d:2"]),
        ([], ["d:2"]),
    ],
)
def test_the_definitions_are_those_of_the_tasks_that_run(deployments, expected):
    assert path.running_definitions({**SERVICE, "taskDefinition": "d:2", "deployments": deployments}) == expected


def test_a_service_that_tells_no_deployments_has_the_definition_that_was_asked_for():
    assert path.running_definitions({**SERVICE, "taskDefinition": "d:2"}) == ["d:2"]


def definition(url):
    environment = [{"name": "DB_URL", "value": url}]
    return {"taskDefinitionArn": "x/d:1", "containerDefinitions": [{"name": "ehrbase", "environment": environment}]}


@pytest.mark.parametrize(
    "url", ["jdbc:postgresql://DB.example/ehrbase", "jdbc:postgresql://db.example:5432/ehrbase?ssl=1"]
)
def test_the_database_is_the_host_of_the_url(url):
    assert path.judge_definitions([definition(url)]).found == ["db.example"]


def test_two_databases_are_one_too_many():
    both = [definition("jdbc:postgresql://a/e"), definition("jdbc:postgresql://b/e")]
    assert path.judge_definitions(both).verdict == "many"


def test_a_definition_that_could_not_be_read_is_unknown():
    assert path.judge_definitions([None]).verdict == "unknown"


def instance(host, **more):
    return {"DBInstanceIdentifier": "db", "DBInstanceArn": "arn:db", "Endpoint": {"Address": host}, **more}


def test_the_database_is_found_in_whichever_region_it_is():
    hop, database = path.judge_database("db.example", {"a": [instance("other")], "b": [instance("db.example")]})
    assert (hop.verdict, database["region"]) == ("found", "b")


def test_an_unseen_region_makes_a_missing_database_unknown():
    assert path.judge_database("db.example", {"a": [], "b": None})[0].verdict == "unknown"
    assert path.judge_database("db.example", {"a": [], "b": []})[0].verdict == "none"


def branch(region, balancer_region=None, **database):
    balancer = path.judge_balancer(
        AF.replace("af-south-1", balancer_region or region),
        [
            {
                "DNSName": AF.replace("af-south-1", balancer_region or region),
                "LoadBalancerArn": "l",
                "LoadBalancerName": "n",
            }
        ],
    )
    hop, found = path.judge_database("db", {region: [instance("db", **database)]})
    return [balancer, hop], found


def conclude(*branches):
    return path.conclude(NAME, [hops for hops, _found in branches], [found for _hops, found in branches])


def test_one_sound_path_gives_the_region():
    assert conclude(branch("af-south-1"))["production_region"] == "af-south-1"


def test_production_runs_the_definitions_that_name_its_database():
    other = {"taskDefinitionArn": "x/else:3", "containerDefinitions": [{"name": "else"}]}
    hops, found = branch("af-south-1")
    running = [*hops, path.judge_definitions([definition("jdbc:postgresql://db/ehrbase"), other])]
    assert path.conclude(NAME, [running, running], [found, found])["task_definitions"] == ["d:1"]
    in_doubt = path.Hop("services", "unknown", problem="not listed")
    assert path.conclude(NAME, [[*running, in_doubt]], [found])["task_definitions"] == []


def test_a_location_is_served_by_the_regions_in_which_aws_shows_its_balancers():
    hops, found = branch("af-south-1")
    served = path.Hop("dns", "found", [AF], {"locations": {"continent AF": [AF], "everywhere else": [IE]}})
    assert path.conclude(NAME, [[served], hops], [found])["locations"] == [
        {"location": "continent AF", "targets": [AF], "regions": ["af-south-1"]},
        {"location": "everywhere else", "targets": [IE], "regions": []},
    ]


def test_two_databases_in_two_regions_give_no_region():
    concluded = conclude(branch("af-south-1"), branch("eu-west-1"))
    assert concluded["production_region"] is None
    assert "databases in af-south-1, eu-west-1" in concluded["problems"][0]


def test_two_databases_in_one_region_give_no_region():
    second = {"DBInstanceIdentifier": "db-canary", "DBInstanceArn": "arn:db-canary"}
    concluded = conclude(branch("af-south-1"), branch("af-south-1", **second))
    assert (concluded["production_region"], concluded["database"]) == (None, None)
    assert concluded["problems"] == [f"{NAME} leads to several databases: db in af-south-1, db-canary in af-south-1"]


def test_two_branches_to_one_database_give_its_region():
    concluded = conclude(branch("af-south-1"), branch("af-south-1"))
    assert (concluded["production_region"], concluded["database"]["arn"]) == ("af-south-1", "arn:db")


def test_a_service_far_from_its_database_is_a_problem():
    concluded = conclude(branch("af-south-1", "eu-west-1"))
    assert concluded["production_region"] is None and "its database is in af-south-1" in concluded["problems"][0]


def test_a_read_replica_is_no_production_database():
    concluded = conclude(branch("af-south-1", ReadReplicaSourceDBInstanceIdentifier="arn:source"))
    assert concluded["production_region"] is None and "read replica" in concluded["problems"][0]


def test_one_unknown_hop_gives_no_region():
    hops, found = branch("af-south-1")
    unknown = path.Hop("services", "unknown", problem="not listed")
    assert path.conclude(NAME, [[*hops, unknown]], [found])["production_region"] is None


def test_no_path_at_all_gives_no_region():
    assert path.conclude(NAME, [], [])["production_region"] is None


@pytest.mark.parametrize("found, agrees", [("af-south-1", True), ("eu-west-1", False), (None, None)])
def test_the_inventory_agrees_only_with_what_was_found(found, agrees):
    assert path.compare(found, "af-south-1")["agrees"] is agrees


def test_one_definition_that_could_not_be_read_makes_the_others_unknown():
    assert path.judge_definitions([definition("jdbc:postgresql://a/e"), None]).verdict == "unknown"


def test_one_group_whose_health_is_not_known_makes_the_others_unknown():
    healthy = [{"TargetHealth": {"State": "healthy"}}]
    assert path.judge_groups(["a", "b"], {"a": healthy, "b": None}).verdict == "unknown"
    # One that is empty beside one that serves is how a rollout ends.
    assert path.judge_groups(["a", "b"], {"a": healthy, "b": []}).problem == ""


def test_a_database_that_was_found_needs_no_answer_of_another_region():
    hop, database = path.judge_database("db.example", {"a": None, "b": [instance("db.example")]})
    assert (hop.verdict, database["region"]) == ("found", "b")


def test_a_database_of_the_same_name_in_another_region_is_another_one():
    found = {"a": [instance("db.x1.a.rds.amazonaws.com")], "b": [instance("db.x2.b.rds.amazonaws.com")]}
    assert path.judge_database("db.x2.b.rds.amazonaws.com", found)[1]["region"] == "b"


def test_a_balancer_in_a_further_region_gives_no_region():
    concluded = conclude(branch("af-south-1"), branch("af-south-1", "eu-west-1"))
    assert concluded["production_region"] is None
    assert "served from af-south-1, eu-west-1" in concluded["problems"][0]


def test_several_of_anything_but_targets_give_no_region():
    hops, found = branch("af-south-1")
    targets, databases = path.Hop("dns", "many", [AF, EU]), path.Hop("task_definition", "many", ["a", "b"])
    assert path.conclude(NAME, [[targets], hops], [found])["production_region"] == "af-south-1"
    assert path.conclude(NAME, [[*hops, databases]], [found])["production_region"] is None


def test_a_path_without_a_database_beside_one_with_gives_no_region():
    hops, found = branch("af-south-1")
    assert path.conclude(NAME, [hops, hops[:1]], [found, None])["production_region"] is None


def test_each_location_goes_by_the_answers_of_its_own_failover_name():
    records = [
        alias(NAME, "africa.app", GeoLocation={"ContinentCode": "AF"}),
        alias(NAME, "main.medzenhealth.app", GeoLocation={"CountryCode": "*"}),
        alias("africa.app", AF, Failover="PRIMARY"),
        alias("africa.app", IE, Failover="SECONDARY"),
        *FAILOVER,
    ]
    served = {**ADDRESSES, "africa.app": ["192.0.2.3"], "main.medzenhealth.app": ["192.0.2.2"]}
    found = dns(records, ["192.0.2.2"], served)
    assert found.evidence["locations"] == {"continent AF": [IE], "everywhere else": [EU]}


def test_a_plain_address_is_its_own_target():
    address = {"Name": f"{NAME}.", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.9"}]}
    assert dns([address], ["192.0.2.9"]).found == ["192.0.2.9"]


def test_a_balancer_behind_its_dualstack_name_is_the_same():
    listed = [{"DNSName": AF, "LoadBalancerArn": "arn:lb", "LoadBalancerName": "medzen-alb"}]
    assert path.judge_balancer(f"dualstack.{AF}", listed).found == ["arn:lb"]


@pytest.mark.parametrize(
    ("action", "groups"),
    [
        ({"TargetGroupArn": "a"}, ["a"]),
        ({"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "a"}]}}, ["a"]),
        # What AWS repeats beside the weights has none of its own.
        ({"TargetGroupArn": "a", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "a", "Weight": 0}]}}, []),
        ({"Type": "fixed-response"}, []),
    ],
)
def test_an_action_forwards_to_one_group_or_by_weights(action, groups):
    assert path.forwarded_groups([action]) == groups


def test_an_inventory_that_expects_nothing_is_not_compared():
    assert path.compare("af-south-1", None) == {}
