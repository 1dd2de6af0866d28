# SPDX-License-Identifier: GPL-3.0-or-later
"""The public name as clients of different places ask for it."""

import asyncio
import json
import ssl

import dns.rrset
import pytest

from rehearsal.dns.location import Map, load_locations
from rehearsal.traffic.address import PublicName, Service, build_resolver
from rehearsal.traffic.command import PLACES, open_names
from rehearsal.traffic.history import History
from rehearsal.traffic.patients import Patients


def test_a_client_of_a_place_is_asked_for_by_its_network():
    resolver = build_resolver("127.0.0.2:5300", "102.244.0.0/24")
    assert [option.to_text() for option in resolver.ednsoptions] == ["ECS 102.244.0.0/24 scope/0"]
    assert (resolver.nameservers, resolver.port) == (["127.0.0.2"], 5300)


def test_a_client_of_no_place_says_nothing_of_itself():
    assert not build_resolver("127.0.0.2:5300", "").ednsoptions


@pytest.mark.parametrize(("place", "continent"), list(zip(PLACES, ["AF", "EU", "NA"], strict=True)))
def test_the_places_of_the_patients_are_on_the_map(place, continent):
    assert Map(load_locations(16)).locate(place.partition("/")[0]).continent == continent


def test_patients_are_spread_over_the_places_and_stay_where_they_are(tmp_path):
    history = History(tmp_path)
    names = open_names(Service("ehr.x", "127.0.0.2:5300", None, None), PLACES, history)
    patients = Patients(names, "https://ehr.x", history, [f"ehr-{number}" for number in range(6)])
    assert [patients._homes[f"ehr-{number}"].network for number in (0, 1, 2, 3)] == [*PLACES, PLACES[0]]
    history.close()


@pytest.mark.parametrize(("keep_s", "asked"), [(0.0, 2), (15.0, 1)])
def test_a_client_that_keeps_addresses_does_not_heed_the_ttl(monkeypatch, keep_s, asked):
    name = PublicName(Service("ehr.x", "127.0.0.2:5300", ssl.create_default_context(), None), keep_s=keep_s)
    answers = []

    async def answer(*_):
        answers.append(dns.rrset.from_text("ehr.x.", 0, "IN", "A", "127.16.30.1"))
        return Answer(answers[-1])

    monkeypatch.setattr(name._resolver, "resolve", answer)

    async def ask_twice():
        first, second = await name.session(), await name.session()
        await name.close()
        return first is second

    assert asyncio.run(ask_twice()) and len(answers) == asked


class Answer(list):
    """What dnspython's resolver returns, as far as it is looked at."""

    def __init__(self, rrset):
        super().__init__(rrset)
        self.rrset = rrset


async def take_over(name, *addresses):
    name._replace(addresses)
    await name.close()


def test_who_answers_a_place_is_on_record(tmp_path):
    history = History(tmp_path)
    service = Service("ehr.x", "127.0.0.2:5300", ssl.create_default_context(), None)
    (name,) = open_names(service, PLACES[:1], history)
    asyncio.run(take_over(name, "127.16.30.1"))
    history.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [(event["kind"], event["place"], event["addresses"]) for event in events] == [
        ("answered", PLACES[0], ["127.16.30.1"])
    ]
