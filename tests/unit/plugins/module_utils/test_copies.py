# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what one region holds is in another one: doubt is never a copy."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import copies, object_copies


def comparison(verdict):
    return copies.Comparison("table", "t", verdict)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], copies.NOTHING),
        ([copies.NOTHING], copies.NOTHING),
        ([copies.NOTHING, copies.COPIED], copies.COPIED),
        ([copies.COPIED, copies.UNKNOWN], copies.UNKNOWN),
        ([copies.NOTHING, copies.UNKNOWN], copies.UNKNOWN),
        ([copies.COPIED, copies.MISSING], copies.MISSING),
        ([copies.UNKNOWN, copies.MISSING, copies.COPIED], copies.MISSING),
    ],
)
def test_one_doubt_is_the_verdict_on_all_of_them(verdicts, expected):
    assert copies.verdict_of(map(comparison, verdicts)) == expected


@pytest.mark.parametrize(
    ("here", "there", "verdict"),
    [
        ({}, {"a": 1}, copies.NOTHING),
        ({"a": 1}, {"a": 1, "b": 2}, copies.COPIED),
        ({"a": 1, "b": 2}, {"a": 1}, copies.MISSING),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, copies.MISSING),
    ],
)
def test_each_key_must_be_there_with_its_content(here, there, verdict):
    assert copies.compare("table", "t", here, there).verdict == verdict


def head(length=4, etag='"e1"', **more):
    return {"ContentLength": length, "ETag": etag, **more}


@pytest.mark.parametrize(
    ("original", "other", "same"),
    [
        (head(VersionId="v1"), head(etag='"e2"', VersionId="v1"), True),
        (head(VersionId="v1"), head(etag='"e2"', VersionId="v2"), False),
        # Every object of a bucket without versions has this one.
        (head(VersionId="null"), head(etag='"e2"', VersionId="null"), False),
        (head(), head(etag='"e2"'), False),
        (head(), head(etag='"e2"', Metadata={object_copies.COPIED_FROM: "e1"}), True),
        (head(), head(etag='"e2"', Metadata={object_copies.COPIED_FROM: "e0"}), False),
        (head(etag=None), head(Metadata={object_copies.COPIED_FROM: ""}), False),
        (head(5, VersionId="v1"), head(VersionId="v1"), False),
    ],
)
def test_a_copy_is_told_by_its_version_or_by_where_it_was_copied_from(original, other, same):
    assert object_copies.is_copy(original, other) is same
