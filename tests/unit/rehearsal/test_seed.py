# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's decisions: amounts, shares, waits, the clock that is put back, the templates that it hands in."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rehearsal import packages, seed
from rehearsal.seed import choose_amounts, fast_clock, load_estate
from rehearsal.seed_aws import Place, SeedError, tag_list, wait_for
from rehearsal.seed_data import STATEMENTS
from rehearsal.seed_database import DatabaseBuilder
from rehearsal.seed_leftovers import build_rows, build_template, describe_apis
from rehearsal.seed_records import ZoneBuilder
from rehearsal.seed_service import ServiceBuilder

ESTATE = load_estate()
END = datetime(2026, 11, 21, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(states, wanted="available"):
    clock, left = Clock(), iter(states)
    last = [states[-1]]
    wait_for("it", lambda: next(left, last[0]), wanted, clock, clock.sleep)


def test_the_estate_has_production_and_a_smaller_standby():
    amounts = choose_amounts(ESTATE, small=False, compositions=None)
    held = {region: amounts.values(plan["share_percent"], END)["held"] for region, plan in ESTATE["regions"].items()}
    assert (amounts.ehrs, held) == (2000, {"af-south-1": 50000, "eu-west-1": 40000})


def test_the_small_world_is_small_and_a_number_wins():
    assert choose_amounts(ESTATE, small=True, compositions=None).compositions == 500
    assert choose_amounts(ESTATE, small=True, compositions=7).compositions == 7


def test_a_world_without_records_is_refused():
    with pytest.raises(SeedError, match="expected at least 1"):
        choose_amounts(ESTATE, small=False, compositions=0)


def test_names_of_target_groups_fit_aws():
    names = [Place(None, ESTATE, region).name("tg") for region in ESTATE["regions"]]
    assert all(len(name) <= 32 for name in names)


def test_a_wait_ends_with_the_wanted_state():
    wait(["creating", "creating", "available"])


def test_a_wait_ends_at_a_failure_or_at_its_limit():
    with pytest.raises(SeedError, match="is failed; expected available"):
        wait(["creating", "failed"])
    with pytest.raises(SeedError, match="is creating; expected available within 90 s"):
        wait(["creating"])


def test_the_clock_is_put_back_also_after_an_error(monkeypatch):
    sent = []

    def control(settings, path, body=None):
        sent.append(body)
        return {"scale": 60.0}

    monkeypatch.setattr(seed, "control", control)
    with pytest.raises(SeedError), fast_clock(None):
        raise SeedError("no")
    assert [body for body in sent if body] == [{"scale": seed.BUILDING_SCALE}, {"scale": 60.0}]


def test_the_chime_stack_has_a_bucket_of_its_own_region():
    template = build_template(ESTATE["leftovers"], Place(None, ESTATE, "eu-west-1"))
    bucket = template["Resources"]["Recordings"]["Properties"]["BucketName"]
    assert bucket == f"medzen-meeting-recordings-{ESTATE['account']}-eu-west-1"
    assert json.loads(json.dumps(template)) == template


def test_every_function_of_the_stack_has_a_package_and_its_handler():
    resources = build_template(ESTATE["leftovers"], Place(None, ESTATE, "af-south-1"))["Resources"]
    functions = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Lambda::Function"]
    packed = {one["Code"]["S3Key"].removesuffix(".zip") for one in functions}
    assert {one["Handler"].removesuffix(".handle") for one in functions} == packed
    assert packed <= set(packages.names())


def test_the_apis_have_the_public_names_and_the_routes_of_their_functions():
    chime, bedrock = describe_apis(ESTATE["leftovers"])
    assert (chime.domain, bedrock.domain) == ("meetings.medzenhealth.app", "ai.medzenhealth.app")
    assert ("POST /meetings", "medzen-meeting-manager") in chime.routes
    assert ("POST /ai/chat", "medzen-ai-chat-handler") in bedrock.routes


def test_a_seeded_visit_has_ended_and_is_kept_for_seven_years():
    created, ended = build_rows("af-south-1", 3, END)
    assert (created["pk"], created["sk"]["S"]) == (ended["pk"], "CREATED#2026-11-17T00:00:00.000Z")
    assert ended["sk"]["S"] == "ENDED#2026-11-17T00:20:00.000Z"
    assert created["ttl"]["N"] == str(int(datetime(2033, 11, 17, tzinfo=UTC).timestamp()))


def test_shared_validation_records_are_put_once():
    sent = []
    client = SimpleNamespace(
        change_resource_record_sets=lambda **request: sent.append(request) or {"ChangeInfo": {"Id": "/change/C1"}}
    )
    zone = ZoneBuilder(SimpleNamespace(client=lambda service: client), ESTATE, 5)
    row = {"Name": "_a.medzenhealth.app.", "Type": "CNAME", "Value": "_b.acm-validations.aws."}
    zone.validate([row, dict(row)])
    assert [change["Action"] for change in sent[0]["ChangeBatch"]["Changes"]] == ["UPSERT"]


def test_the_public_name_and_the_regions_own_lead_to_the_same_balancer():
    sent = []
    client = SimpleNamespace(
        change_resource_record_sets=lambda **request: sent.append(request) or {"ChangeInfo": {"Id": "/change/C1"}},
        get_change=lambda Id: {"ChangeInfo": {"Status": "INSYNC"}},
    )
    ZoneBuilder(SimpleNamespace(client=lambda service: client), ESTATE, 5).point("lb.example")
    records = [change["ResourceRecordSet"] for change in sent[0]["ChangeBatch"]["Changes"]]
    assert [record["Name"] for record in records] == [ESTATE["record"], ESTATE["region_record"]]
    assert {record["ResourceRecords"][0]["Value"] for record in records} == {"lb.example"}


def test_ehrbase_has_the_same_node_name_in_every_region():
    database = SimpleNamespace(endpoint="db.rds.amazonaws.com:5432")
    names = set()
    for region in ESTATE["regions"]:
        builder = ServiceBuilder(Place(None, ESTATE, region), None)
        environment = builder._build_environment(database)
        names.add(environment["SERVER_NODENAME"])
        assert environment["DB_URL"] == "jdbc:postgresql://db.rds.amazonaws.com:5432/ehrbase"
    assert names == {"ehr.medzenhealth.app"}


def test_every_value_of_the_statements_is_given():
    values = choose_amounts(ESTATE, small=True, compositions=None).values(80, END)
    for statement in STATEMENTS:
        assert "%(" not in statement or statement % {key: "x" for key in values}


def test_tags_have_the_spelling_of_their_service():
    assert tag_list({"a": "b"}, "key", "value") == [{"key": "a", "value": "b"}]


@pytest.mark.parametrize("logical", [False, True])
def test_production_alone_has_logical_replication_in_force_where_that_is_wanted(logical, monkeypatch):
    built = {}
    monkeypatch.setattr(seed, "build_world", lambda _settings, estate, _amounts: built.update(estate) or 0)
    arguments = SimpleNamespace(world=130, small=True, compositions=None, logical=logical)
    assert seed.main(arguments) == 0
    written = {region: parameters_of(built, region) for region in built["regions"]}
    assert ("rds.logical_replication" in written["af-south-1"]) is logical
    assert "rds.logical_replication" not in written["eu-west-1"]
    assert all(names["rds.force_ssl"] == "1" for names in written.values())


def parameters_of(estate, region):
    """What a region's database builder writes into its parameter group."""
    asked = []
    rds = SimpleNamespace(
        create_db_subnet_group=lambda **_: None,
        create_db_parameter_group=lambda **_: None,
        modify_db_parameter_group=lambda **request: asked.extend(request["Parameters"]),
    )
    place = Place(SimpleNamespace(client=lambda *_: rds), estate, region)
    DatabaseBuilder(place)._build_groups(SimpleNamespace(private=["subnet-1", "subnet-2"]))
    return {row["ParameterName"]: row["ParameterValue"] for row in asked}
