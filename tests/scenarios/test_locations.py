# SPDX-License-Identifier: GPL-3.0-or-later
"""The public name by location, over a failover name: real DNS questions from Africa, Europe and elsewhere.

Production of the world before stands for the primary here, and the old standby for the DR region: for the records it
does not matter what the balancers' databases hold, and nothing has to be moved.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import pytest
import yaml

from rehearsal import playbooks
from rehearsal.settings import DNS_PORT

RECORD, BELOW, DR, ZONE = (
    "ehr.medzenhealth.app",
    "ehr-failover.medzenhealth.app",
    "ehr-dr.medzenhealth.app",
    "medzenhealth.app",
)
SOURCE, STANDBY = "af-south-1", "eu-west-1"
AFRICA, EUROPE, AMERICA, NOWHERE = "102.244.1.0", "91.0.1.0", "52.0.1.0", "198.51.100.0"
CLIENTS = (AFRICA, EUROPE, AMERICA, NOWHERE)
HEALTH_S, PLAY_S_MAX = 10, 120


@dataclass
class Told:
    """How a play ended."""

    code: int
    text: str
    writes: list[str]


@dataclass
class Place:
    """The world, with the two balancers that the records choose between."""

    world: object
    folder: Path
    inventory: Path
    runs: int = 0

    def balancer(self, region: str) -> dict:
        found = self.world.balancer(region)
        return {"dns_name": found["DNSName"], "zone_id": found["CanonicalHostedZoneId"]}

    def address(self, region: str) -> list[str]:
        return self.ask(NOWHERE, self.balancer(region)["dns_name"])

    def ask(self, client: str, name: str = RECORD, server: str = "") -> list[str]:
        """What a name server answers a resolver that asks for this client."""
        option = dns.edns.ECSOption(client, 24)
        query = dns.message.make_query(f"{name}.", "A", options=[option])
        server = server or next(iter(self.world.settings.name_servers.values()))
        reply = dns.query.udp(query, server, timeout=3, port=DNS_PORT)
        return sorted(str(record) for rrset in reply.answer for record in rrset)

    def answers(self) -> dict[str, list[str]]:
        return {client: self.ask(client) for client in CLIENTS}

    def play(self, role: str, *options: str, **extra_vars) -> Told:
        """Run a role for the DR region, as playbooks/create_dr_replica.yml does with more of them."""
        self.runs += 1
        path = self.folder / f"play-{self.runs}.yml"
        plays = [build_play("primary", "region_state"), build_play("dr", "region_state", role)]
        path.write_text(yaml.safe_dump(plays), encoding="utf-8")
        values = {"failover_records_propagation_timeout_s": 30, "audit_enforce": False, **extra_vars}
        command = [playbooks._ansible_playbook(), str(path), "-i", str(self.inventory), "-e", json.dumps(values)]
        since = self.world.mark()
        environment = self.world._environment(f"scenario-{self.world.number}-locations-{self.runs}")
        done = subprocess.run(
            [*command, *options],
            cwd=playbooks.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PLAY_S_MAX,
        )
        return Told(done.returncode, " ".join((done.stdout + done.stderr).split()), self.world.writes(since))

    def force(self, **verdicts: bool | None) -> None:
        """Set the health checks of the sides, or give them back to their probes with None."""
        found = self.world.client("route53").list_health_checks()["HealthChecks"]
        by_host = {check["HealthCheckConfig"]["FullyQualifiedDomainName"]: check["Id"] for check in found}
        sides = {"primary": self.balancer(SOURCE)["dns_name"], "secondary": self.balancer(STANDBY)["dns_name"]}
        self.world.control("zone/force", {by_host[sides[side]]: verdict for side, verdict in verdicts.items()})

    def record_sets(self) -> list[dict]:
        route53 = self.world.client("route53")
        zone = route53.list_hosted_zones_by_name(DNSName=ZONE)["HostedZones"][0]["Id"]
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return [one for one in found if one["Name"].rstrip(".") in (RECORD, BELOW, DR)]

    def described(self) -> list[tuple[str, str]]:
        return [(one["Name"].split(".")[0], one.get("SetIdentifier", "")) for one in self.record_sets()]


def build_play(host: str, *roles: str) -> dict:
    aws = {
        "region": "{{ inventory_hostname }}",
        "endpoint_url": "{{ multiregion_endpoint_url }}",
        "access_key": "{{ multiregion_aws_access_key }}",
        "secret_key": "{{ multiregion_aws_secret_key }}",
    }
    return {
        "hosts": host,
        "gather_facts": False,
        "module_defaults": {"group/medzen.multiregion.aws": aws},
        "roles": [{"role": f"medzen.multiregion.{role}"} for role in roles],
    }


def build_inventory(folder: Path) -> Path:
    shutil.copytree(playbooks.ROOT / "inventories" / "rehearsal", folder)
    hosts = yaml.safe_load((folder / "hosts.yml").read_text(encoding="utf-8"))
    jobs = {"primary": [SOURCE], "dr": [STANDBY], "retiring": [], "edge": ["eu-central-1", "us-east-1"]}
    hosts["regions"]["children"] = {job: {"hosts": dict.fromkeys(regions)} for job, regions in jobs.items()}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    return folder


@contextmanager
def never_silent(place: Place) -> Iterator[list[str]]:
    """Ask without a pause, for everybody and at every name server; collects who was left without an answer."""
    silent, over = [], threading.Event()

    def ask_on() -> None:
        while not over.is_set():
            for server in place.world.settings.name_servers.values():
                silent.extend(f"{client} at {server}" for client in CLIENTS if not place.ask(client, server=server))

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield silent
    finally:
        over.set()
        thread.join(30)


@pytest.fixture(scope="module")
def place(stage, tmp_path_factory):
    """A world whose public name has a failover pair in place of its CNAME, and an inventory to go with it."""
    world = stage.fresh("before")
    folder = tmp_path_factory.mktemp("locations")
    one = Place(world, folder, build_inventory(folder / "inventory"))
    done = one.play("failover_records", multiregion_locations=[])
    assert done.code == 0, done.text
    yield one
    world.step = "its records are others"


def test_without_locations_the_public_name_is_the_pair(place):
    assert place.described() == [("ehr", "primary"), ("ehr", "secondary"), ("ehr-dr", "")]


def test_locations_without_a_default_are_refused_and_nothing_is_written(place):
    done = place.play("failover_records", multiregion_locations=[{"name": "africa", "continent": "AF"}])
    assert done.code != 0 and "no location is the default" in done.text
    assert done.writes == []


def test_check_mode_writes_nothing_and_shows_the_tree(place):
    done = place.play("failover_records", "--check", "--diff")
    assert (done.code, done.writes) == (0, []), done.text
    assert f"{BELOW} A primary" in done.text and f"{RECORD} A elsewhere" in done.text
    assert ("ehr", "primary") in place.described()


def test_the_pair_becomes_the_tree_in_one_batch_and_nobody_is_without_an_answer(place):
    with never_silent(place) as silent:
        done = place.play("failover_records")
    assert (done.code, done.writes) == (0, [f"route53:ChangeResourceRecordSets {STANDBY}"]), done.text
    assert silent == []
    geo, failover = [("ehr", "africa"), ("ehr", "elsewhere"), ("ehr", "europe")], ["primary", "secondary"]
    assert sorted(place.described()) == sorted([*geo, ("ehr-dr", ""), *(("ehr-failover", side) for side in failover)])


def test_a_second_run_writes_nothing(place):
    done = place.play("failover_records")
    assert (done.code, done.writes) == (0, []), done.text


def test_every_location_is_answered_with_the_primary_at_every_name_server(place):
    primary = place.address(SOURCE)
    for server in place.world.settings.name_servers.values():
        assert {client: place.ask(client, server=server) for client in CLIENTS} == dict.fromkeys(CLIENTS, primary)


def test_every_location_is_answered_with_the_dr_region_while_the_primary_is_down(place, until):
    primary, secondary = place.address(SOURCE), place.address(STANDBY)
    place.force(primary=False)
    until(lambda: place.answers() == dict.fromkeys(CLIENTS, secondary), "the DR region answers", HEALTH_S)
    place.force(primary=None)
    until(lambda: place.answers() == dict.fromkeys(CLIENTS, primary), "the primary answers again", HEALTH_S)


def test_with_both_sides_down_the_primary_answers_and_nobody_is_left_without(place, until):
    place.force(primary=False, secondary=False)
    time.sleep(1)
    assert place.answers() == dict.fromkeys(CLIENTS, place.address(SOURCE))
    place.force(primary=None, secondary=None)


def test_the_audit_says_who_serves_each_location(place):
    done = place.play("audit")
    assert done.code == 0, done.text
    for location in ("continent AF", "continent EU", "everywhere else"):
        assert f"{location} is served by {SOURCE}." in done.text


def test_a_location_with_a_region_of_its_own_gets_that_one_and_the_audit_tells(place, until):
    primary, secondary = place.address(SOURCE), place.address(STANDBY)
    send_africa_to(place, place.balancer(STANDBY))
    wanted = dict.fromkeys(CLIENTS, primary) | {AFRICA: secondary}
    until(lambda: place.answers() == wanted, "Africa is answered with its own region", HEALTH_S)
    assert f"continent AF is served by {STANDBY}." in place.play("audit").text


def send_africa_to(place: Place, balancer: dict) -> None:
    africa = next(one for one in place.record_sets() if one.get("SetIdentifier") == "africa")
    target = {"DNSName": balancer["dns_name"], "HostedZoneId": balancer["zone_id"], "EvaluateTargetHealth": True}
    route53 = place.world.client("route53")
    change = {"Action": "UPSERT", "ResourceRecordSet": {**africa, "AliasTarget": target}}
    zone = route53.list_hosted_zones_by_name(DNSName=ZONE)["HostedZones"][0]["Id"]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def test_the_tree_becomes_the_pair_again_in_one_batch_and_nobody_is_without_an_answer(place):
    with never_silent(place) as silent:
        done = place.play("failover_records", multiregion_locations=[])
    assert (done.code, len(done.writes)) == (0, 1), done.text
    assert silent == []
    assert place.described() == [("ehr", "primary"), ("ehr", "secondary"), ("ehr-dr", "")]
