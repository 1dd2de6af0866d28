# SPDX-License-Identifier: GPL-3.0-or-later
"""Version uids and the text of compositions."""

import json
import uuid

import pytest

from rehearsal.ehrbase.outcome import Refusal
from rehearsal.ehrbase.store import VersionUid, join_composition, parse_version_uid, split_composition

ID = uuid.UUID("1bfff8d9-f4a9-4232-94e1-016a4d97d327")


@pytest.mark.parametrize("text", [f"{ID}::node::3", f'"{ID}::node::3"', f'W/"{ID}::node::3"'])
def test_a_version_uid_is_read_with_and_without_quotes(text):
    assert parse_version_uid(text) == VersionUid(ID, "node", 3)


@pytest.mark.parametrize("text", ["", str(ID), f"{ID}::node", f"{ID}::node::x", "x::node::1"])
def test_anything_else_is_a_bad_request(text):
    with pytest.raises(Refusal) as caught:
        parse_version_uid(text)
    assert caught.value.status == 400


def test_a_composition_keeps_its_content_and_gets_the_servers_uid():
    marker, data = split_composition(b'{"uid": "mine", "marker": "m1", "content": ["\xc3\xa9"]}')
    assert marker == "m1"
    joined = json.loads(join_composition(VersionUid(ID, "node", 1), data))
    assert joined["uid"]["value"] == f"{ID}::node::1"
    assert joined["content"] == ["é"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"marker": 1}'])
def test_what_is_no_composition_is_a_bad_request(body):
    with pytest.raises(Refusal) as caught:
        split_composition(body)
    assert caught.value.status == 400
