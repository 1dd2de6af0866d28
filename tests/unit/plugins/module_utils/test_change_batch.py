# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.change_batch import names_of, plan_batch
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import build_record_set

NAME = "ehr.example.org"
CNAME = {"name": NAME, "type": "CNAME", "ttl": 300, "values": ["old.elb.amazonaws.com"]}
ALIAS = {"name": NAME, "type": "A", "alias": {"dns_name": "new.elb.amazonaws.com", "zone_id": "Z1"}}
IPV6 = {"name": NAME, "type": "AAAA", "ttl": 60, "values": ["2001:db8::1"]}
OLD_ALIAS = {"name": NAME, "type": "A", "alias": {"dns_name": "old.elb.amazonaws.com", "zone_id": "Z0"}}
MAIL = {"name": NAME, "type": "MX", "ttl": 300, "values": ["10 mail.example.org"]}


def present(record):
    return {"action": "present", "record": record}


def absent(record):
    return {"action": "absent", "record": record}


def zone(*records):
    return [build_record_set(record) for record in records]


def weighted(identifier, weight, address="192.0.2.1"):
    return {
        "name": NAME,
        "type": "A",
        "ttl": 5,
        "values": [address],
        "set_identifier": identifier,
        "weight": weight,
    }


def actions(batch):
    return [(change["Action"], change["ResourceRecordSet"]["Type"]) for change in batch.changes]


def test_a_cname_becomes_an_alias_in_one_batch():
    batch = plan_batch(zone(CNAME), [present(ALIAS)], [CNAME], replace_names=True)
    assert actions(batch) == [("DELETE", "CNAME"), ("CREATE", "A")]
    assert batch.changes[0]["ResourceRecordSet"] == zone(CNAME)[0]
    assert batch.after == zone(ALIAS)


def test_the_same_by_naming_what_goes():
    batch = plan_batch(zone(CNAME), [absent(CNAME), present(ALIAS)])
    assert actions(batch) == [("DELETE", "CNAME"), ("CREATE", "A")]


def test_what_is_deleted_is_sent_as_it_was_read():
    read = {**zone(CNAME)[0], "ResourceRecords": [{"Value": "OLD.elb.amazonaws.com"}]}
    batch = plan_batch([read], [present({**CNAME, "ttl": 60})])
    assert batch.changes[0]["ResourceRecordSet"] is read


def test_a_zone_as_wanted_needs_nothing():
    assert not plan_batch(zone(ALIAS), [present(ALIAS)], replace_names=True).changed


def test_a_zone_as_wanted_is_not_refused_whatever_was_expected():
    assert not plan_batch(zone(ALIAS), [present(ALIAS)], [CNAME], replace_names=True).changed


def test_another_record_than_expected_is_refused_with_both():
    with pytest.raises(Refused) as caught:
        plan_batch(zone({**CNAME, "values": ["third.org"]}), [present(ALIAS)], [CNAME], replace_names=True)
    assert "third.org" in caught.value.found and "old.elb.amazonaws.com" in caught.value.expected
    assert caught.value.result["found_records"] == [{**CNAME, "values": ["third.org"]}]


def test_a_record_that_is_gone_is_not_what_was_expected():
    with pytest.raises(Refused, match="Found: no record"):
        plan_batch([], [present(ALIAS)], [CNAME])


def test_a_further_record_of_the_same_name_and_type_is_not_what_was_expected():
    there = zone(weighted("a", 1), weighted("b", 1))
    with pytest.raises(Refused, match="not those that this change was planned on"):
        plan_batch(there, [present(weighted("a", 2))], [weighted("a", 1)])


def test_the_order_and_spelling_of_what_is_expected_do_not_count():
    expected = {**CNAME, "name": "EHR.example.org.", "values": ["OLD.elb.amazonaws.com."]}
    assert plan_batch(zone(CNAME), [present(ALIAS)], [expected], replace_names=True).changed


def test_a_name_that_should_be_free_is_not():
    with pytest.raises(Refused, match="not those that this change was planned on"):
        plan_batch(zone(MAIL), [present({**MAIL, "ttl": 5})], expect_absent=[NAME])


def test_replacing_a_name_deletes_the_other_records_of_its_type():
    batch = plan_batch(zone(weighted("a", 1), weighted("b", 1)), [present(ALIAS)], replace_names=True)
    assert actions(batch) == [("DELETE", "A"), ("DELETE", "A"), ("CREATE", "A")]


def test_an_address_of_ipv6_gives_way_to_one_of_ipv4_and_comes_back_with_it():
    there = zone(OLD_ALIAS, IPV6)
    batch = plan_batch(there, [present(ALIAS)], [OLD_ALIAS, IPV6], replace_names=True)
    assert actions(batch) == [("DELETE", "A"), ("DELETE", "AAAA"), ("CREATE", "A")]
    assert batch.after == zone(ALIAS)
    assert plan_batch(batch.after, batch.rollback()).after == there
    previous = [present(record) for record in batch.records_before()]
    assert plan_batch(batch.after, previous, replace_names=True).after == there


def test_the_aliases_of_ipv6_in_a_tree_of_locations_give_way_as_a_whole():
    both = [{**one, "type": kind} for one in (AFRICA, ELSEWHERE) for kind in ("A", "AAAA")]
    below = [{**BELOW, "type": "AAAA", "values": ["2001:db8::1"]}, BELOW]
    batch = plan_batch(zone(*both, *below), [present(ALIAS)], both, replace_names=True)
    assert [record_set["Type"] for record_set in batch.after if record_set["Name"] == f"{NAME}."] == ["A"]


def test_both_addresses_stay_where_both_are_wanted():
    batch = plan_batch(zone(OLD_ALIAS, IPV6), [present(ALIAS), present(IPV6)], replace_names=True)
    assert batch.after == zone(ALIAS, IPV6)


def test_an_address_of_another_type_stays_where_only_other_types_are_replaced_or_nothing_is():
    text = {"name": NAME, "type": "TXT", "ttl": 5, "values": ['"x"']}
    assert plan_batch(zone(IPV6), [present(text)], replace_names=True).after == zone(IPV6, text)
    assert plan_batch(zone(IPV6), [present(ALIAS)]).after == zone(ALIAS, IPV6)


def test_hints_of_addresses_in_https_records_are_left_alone():
    hints = {"name": NAME, "type": "HTTPS", "ttl": 5, "values": ["1 . alpn=h2 ipv4hint=192.0.2.1"]}
    batch = plan_batch(zone(OLD_ALIAS, hints), [present(ALIAS)], [OLD_ALIAS], replace_names=True)
    assert [record_set["Type"] for record_set in batch.after] == ["A", "HTTPS"]


@pytest.mark.parametrize("there", [[OLD_ALIAS, IPV6], [IPV6]])
def test_an_address_that_would_be_replaced_and_was_not_expected_is_refused(there):
    with pytest.raises(Refused, match="not those that this change was planned on") as caught:
        plan_batch(zone(*there), [present(ALIAS)], [OLD_ALIAS], replace_names=True)
    assert "2001:db8::1" in caught.value.found


def test_an_address_of_another_type_that_stays_need_not_be_expected():
    assert plan_batch(zone(OLD_ALIAS, IPV6), [present(ALIAS)], [OLD_ALIAS]).changed
    assert plan_batch(zone(OLD_ALIAS, MAIL), [present(ALIAS)], [OLD_ALIAS], replace_names=True).changed
    assert plan_batch(zone(OLD_ALIAS, IPV6, MAIL), [present(ALIAS)], [MAIL], replace_names=True).changed


def test_replacing_a_name_leaves_its_other_types_alone():
    text = {"name": NAME, "type": "TXT", "ttl": 5, "values": ['"x"']}
    batch = plan_batch(zone(weighted("a", 1), text), [present(ALIAS)], replace_names=True)
    assert [record_set["Type"] for record_set in batch.after] == ["A", "TXT"]


def test_a_cname_never_takes_the_place_of_mail():
    with pytest.raises(Refused, match="a CNAME beside other records"):
        plan_batch(zone(MAIL), [present(CNAME)], replace_names=True)


def test_a_record_beside_a_cname_is_refused_before_it_is_sent():
    with pytest.raises(Refused, match="Found: A, CNAME"):
        plan_batch(zone(CNAME), [present(ALIAS)])


def test_simple_beside_weighted_is_refused():
    with pytest.raises(Refused, match="more than one routing policy"):
        plan_batch(zone(weighted("a", 1)), [present(ALIAS)])


def test_two_primaries_are_refused():
    pair = [{**ALIAS, "set_identifier": identifier, "failover": "PRIMARY"} for identifier in ("a", "b")]
    with pytest.raises(Refused, match="same side of a failover pair"):
        plan_batch([], [present(record) for record in pair])


@pytest.mark.parametrize("extra", [{"weight": 1}, {"set_identifier": "a"}])
def test_a_policy_and_its_identifier_belong_together(extra):
    with pytest.raises(Refused, match="no clear routing policy"):
        plan_batch([], [present({**ALIAS, **extra})])


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(Refused, match="which serves all of them"):
        plan_batch(zone(weighted("a", 1), weighted("b", 0)), [present(weighted("a", 0))])


def test_a_weighted_pair_moves_at_once():
    there = zone(weighted("a", 100), weighted("b", 0))
    batch = plan_batch(there, [present(weighted("a", 0)), present(weighted("b", 100))])
    assert [change["Action"] for change in batch.changes] == ["DELETE", "DELETE", "CREATE", "CREATE"]


def test_a_name_is_not_emptied_unless_asked():
    with pytest.raises(Refused, match="without any record"):
        plan_batch(zone(CNAME), [absent({"name": NAME, "type": "CNAME"})])
    assert plan_batch(zone(CNAME), [absent({"name": NAME, "type": "CNAME"})], allow_empty=True).after == []


def test_deleting_what_is_not_there_is_nothing():
    assert not plan_batch([], [absent(CNAME)]).changed


def test_deleting_another_record_than_named_is_refused():
    with pytest.raises(Refused, match="not the one that is to be deleted"):
        plan_batch(zone({**CNAME, "ttl": 60}, MAIL), [absent(CNAME)])


def test_changes_are_counted_absolutely():
    records = [weighted(str(number), 1) for number in range(3)]
    with pytest.raises(Refused, match="Found: 3:"):
        plan_batch([], [present(record) for record in records], max_changes=2)


def test_a_replaced_record_counts_once():
    assert plan_batch(zone(CNAME), [present({**CNAME, "ttl": 5})], max_changes=1).changed


def test_a_name_outside_the_zone_is_refused():
    with pytest.raises(Refused, match="not in the zone"):
        plan_batch([], [present(CNAME)], zone_name="other.org")


def test_a_name_that_only_ends_alike_is_outside_the_zone():
    with pytest.raises(Refused, match="not in the zone"):
        plan_batch([], [present({**CNAME, "name": "notexample.org"})], zone_name="example.org")


def test_the_records_of_the_zone_itself_are_upserted():
    servers = {"name": "example.org", "type": "NS", "ttl": 172800, "values": ["ns-1.awsdns-1.org."]}
    batch = plan_batch(zone(servers), [present({**servers, "ttl": 300})], zone_name="example.org")
    assert actions(batch) == [("UPSERT", "NS")]


def test_the_records_of_the_zone_itself_stay():
    servers = {"name": "example.org", "type": "NS", "ttl": 172800, "values": ["ns-1.awsdns-1.org."]}
    with pytest.raises(Refused, match="cannot be deleted"):
        plan_batch(zone(servers), [absent(servers)], allow_empty=True, zone_name="example.org")


def test_a_record_named_twice_is_refused():
    with pytest.raises(Refused, match="named twice"):
        plan_batch([], [present(CNAME), present({**CNAME, "ttl": 5})])


@pytest.mark.parametrize(
    "pair",
    [
        [ALIAS],
        [
            {**ALIAS, "set_identifier": "p", "failover": "PRIMARY"},
            {**ALIAS, "set_identifier": "s", "failover": "SECONDARY"},
        ],
    ],
)
def test_the_rollback_undoes_the_batch(pair):
    there = zone(CNAME)
    batch = plan_batch(there, [present(record) for record in pair], replace_names=True)
    back = plan_batch(batch.after, batch.rollback())
    assert back.after == there


def test_the_records_before_can_be_given_back_as_changes():
    there = zone(weighted("a", 1), weighted("b", 0))
    batch = plan_batch(there, [present(ALIAS)], replace_names=True)
    back = plan_batch(batch.after, [present(record) for record in batch.records_before()], replace_names=True)
    assert back.after == there


def test_a_value_in_another_order_is_no_difference_in_the_diff():
    record = {"name": NAME, "type": "A", "ttl": 5, "values": ["192.0.2.2", "192.0.2.1"]}
    diff = plan_batch(zone(record), [present({**record, "ttl": 6})]).diff()
    assert diff["before"]["ehr.example.org A"]["values"] == diff["after"]["ehr.example.org A"]["values"]


def test_names_are_looked_at_once():
    assert names_of([present(CNAME), present(ALIAS)], [CNAME], ["Other.org"]) == ["ehr.example.org.", "other.org."]


def located(identifier, target="below.example.org", **geo):
    alias = {"dns_name": target, "zone_id": "ZONE"}
    return {"name": NAME, "type": "A", "set_identifier": identifier, "geo": geo, "alias": alias}


BELOW = {"name": "below.example.org", "type": "A", "ttl": 5, "values": ["192.0.2.1"]}
AFRICA, ELSEWHERE = located("africa", continent_code="AF"), located("elsewhere", country_code="*")


def test_a_record_is_made_before_the_alias_that_leads_to_it_and_deleted_after_it():
    zzz = {**BELOW, "name": "zzz.example.org"}
    leads = {"name": NAME, "type": "A", "alias": {"dns_name": "zzz.example.org", "zone_id": "ZONE"}}
    come = plan_batch([], [present(leads), present(zzz)])
    go = plan_batch(zone(leads, zzz), [absent(leads), absent(zzz)], allow_empty=True)
    assert [change["ResourceRecordSet"]["Name"][:3] for change in come.changes] == ["zzz", "ehr"]
    assert [change["ResourceRecordSet"]["Name"][:3] for change in go.changes] == ["ehr", "zzz"]


def test_aliases_in_a_circle_have_an_order_all_the_same():
    one = {"name": NAME, "type": "A", "alias": {"dns_name": "b.example.org", "zone_id": "ZONE"}}
    other = {"name": "b.example.org", "type": "A", "alias": {"dns_name": NAME, "zone_id": "ZONE"}}
    assert len(plan_batch([], [present(one), present(other)]).changes) == 2


def test_an_alias_without_a_zone_is_in_the_zone_itself():
    record = {"name": NAME, "type": "A", "alias": {"dns_name": "below.example.org", "zone_id": None}}
    batch = plan_batch([], [present(record), present(BELOW)], zone_id="ZONE")
    assert batch.after[1]["AliasTarget"]["HostedZoneId"] == "ZONE"


def test_geolocation_without_a_default_is_refused():
    with pytest.raises(Refused, match="answer nothing to the rest of the world"):
        plan_batch(zone(BELOW), [present(AFRICA)])
    assert plan_batch(zone(BELOW), [present(AFRICA), present(ELSEWHERE)]).changed
    assert plan_batch(zone(BELOW), [present(AFRICA)], allow_no_default=True).changed


def test_the_default_location_cannot_be_taken_from_under_the_others():
    with pytest.raises(Refused, match="rest of the world"):
        plan_batch(zone(AFRICA, ELSEWHERE), [absent(ELSEWHERE)])


def test_locations_that_never_had_a_default_do_not_bar_a_change_beside_them():
    assert plan_batch(zone(AFRICA), [present(MAIL)]).changed


def test_a_location_twice_is_refused():
    again = located("again", continent_code="AF")
    with pytest.raises(Refused, match="two records for the same location"):
        plan_batch([], [present(AFRICA), present(again), present(ELSEWHERE)])


def test_an_alias_that_would_lead_nowhere_is_refused():
    with pytest.raises(Refused, match="leads nowhere"):
        plan_batch(zone(BELOW, AFRICA, ELSEWHERE), [absent(BELOW), present(AFRICA)], allow_empty=True)


OTHER = {"name": "meetings.example.org", "type": "A", "ttl": 300, "values": ["192.0.2.7"]}


def test_every_record_set_that_was_expected_is_compared():
    there = zone(CNAME, {**OTHER, "values": ["192.0.2.8"]})
    changes = [present(ALIAS), present({**OTHER, "values": ["192.0.2.9"]})]
    for expected in ([CNAME, OTHER], [OTHER, CNAME]):
        with pytest.raises(Refused, match="not those that this change was planned on"):
            plan_batch(there, changes, expected, replace_names=True)
    assert plan_batch(zone(CNAME, OTHER), changes, [CNAME, OTHER], replace_names=True).changed


def test_one_name_of_several_is_not_emptied_either():
    changes = [present(ALIAS), absent({"name": OTHER["name"], "type": "A"})]
    with pytest.raises(Refused, match="without any record.*Found: meetings.example.org"):
        plan_batch(zone(CNAME, OTHER), changes, replace_names=True)


def test_an_alias_that_leads_elsewhere_by_now_is_not_deleted():
    elsewhere = {**ALIAS, "alias": {**ALIAS["alias"], "dns_name": "third.elb.amazonaws.com"}}
    with pytest.raises(Refused, match="not the one that is to be deleted"):
        plan_batch(zone(elsewhere), [absent(ALIAS)], allow_empty=True)


def test_a_record_set_that_goes_by_its_identifier_takes_none_along_that_has_none():
    side = {"name": NAME, "type": "A", "set_identifier": "primary"}
    assert not plan_batch(zone(ALIAS), [absent(side)], allow_empty=True).changed
    assert plan_batch(zone(weighted("primary", 1), weighted("b", 1)), [absent(side)]).after == zone(weighted("b", 1))


def test_an_alias_with_a_zone_of_its_own_keeps_it():
    assert plan_batch([], [present(ALIAS)], zone_id="ZONE").after[0]["AliasTarget"]["HostedZoneId"] == "Z1"
