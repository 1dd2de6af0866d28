# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of an instance, in portions, and the ways between regions."""

from rehearsal.cloud.rds.logs import cut_portion

LINES = ["one\n", "two\n", "three\n"]


def test_a_marker_reads_from_the_beginning_and_says_where_to_go_on():
    first = cut_portion(LINES, "0", 2)
    assert first == {"LogFileData": "one\ntwo\n", "Marker": "0:2", "AdditionalDataPending": True}
    assert cut_portion(LINES, first["Marker"], 2) == {
        "LogFileData": "three\n",
        "Marker": "0:3",
        "AdditionalDataPending": False,
    }


def test_without_a_marker_the_end_is_given():
    assert cut_portion(LINES, None, 1)["LogFileData"] == "three\n"
