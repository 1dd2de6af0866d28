# SPDX-License-Identifier: GPL-3.0-or-later
from rehearsal.judge import compare, parse_uid

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def uid(object_id, version=1):
    return f"{object_id}::ehr.medzenhealth.app::{version}"


def test_a_uid_is_read_as_object_and_version():
    assert parse_uid(uid(A, 3)) == (A, 3)


def test_everything_acknowledged_and_present_is_no_loss():
    verdict = compare([(uid(A), "m1")], [(A, 1, "m1")], seeded=set())
    assert (verdict.lost_writes, verdict.duplicate_writes, verdict.reasons) == (0, 0, [])


def test_an_acknowledged_write_that_is_absent_is_lost_and_named():
    verdict = compare([(uid(A), "m1"), (uid(B), "m2")], [(A, 1, "m1")], seeded=set())
    assert verdict.lost_writes == 1
    assert verdict.lost == [f"{B}::1"]
    assert verdict.reasons == ["1 acknowledged writes are missing from the new primary"]


def test_a_lost_update_counts_although_the_record_is_there():
    verdict = compare([(uid(A, 2), "m2")], [(A, 1, "m1")], seeded=set())
    assert verdict.lost_writes == 1


def test_a_seeded_record_that_is_absent_is_lost_too():
    verdict = compare([(uid(A), "m1")], [(A, 1, "m1")], seeded={B})
    assert verdict.lost_seeded == 1 and len(verdict.reasons) == 1


def test_a_marker_under_two_versions_is_a_duplicate():
    verdict = compare([(uid(A), "m1")], [(A, 1, "m1"), (B, 1, "m1")], seeded=set())
    assert verdict.duplicate_writes == 1 and verdict.duplicates == ["m1"]


def test_a_write_whose_answer_was_lost_is_recovered_not_a_fault():
    verdict = compare([(uid(A), "m1")], [(A, 1, "m1"), (B, 1, "m2")], seeded=set())
    assert verdict.recovered_writes == 1 and verdict.reasons == []


def test_a_run_without_a_write_proves_nothing():
    assert compare([], [], seeded=set()).reasons == ["no write was acknowledged, so nothing is proven"]
