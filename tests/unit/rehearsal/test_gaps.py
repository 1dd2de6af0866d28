# SPDX-License-Identifier: GPL-3.0-or-later
from rehearsal.gaps import Gap, longest_gap, write_pause


def test_the_longest_gap_is_between_neighbours():
    assert longest_gap([1.0, 2.0, 7.0, 8.0]) == Gap(2.0, 7.0)


def test_silence_at_the_end_counts_when_the_end_is_known():
    assert longest_gap([1.0, 2.0], until=10.0) == Gap(2.0, 10.0)


def test_one_success_has_no_gap():
    assert longest_gap([1.0]) is None


def test_the_pause_runs_from_the_first_refusal_to_the_next_acceptance():
    assert write_pause([1.0, 2.0, 9.0], [3.0, 4.0, 8.0]) == Gap(3.0, 9.0)


def test_refusals_between_acceptances_do_not_add_up():
    assert write_pause([1.0, 3.0, 5.0], [2.5, 4.9]) == Gap(2.5, 3.0)


def test_without_a_refusal_there_is_no_pause():
    assert write_pause([1.0, 2.0], []) is None
