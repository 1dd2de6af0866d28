# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a region holds, what a teardown would do with it, and the doing.

registry    what a kind and an item are; the kinds declare themselves there
kinds_*     the kinds: how to list them, how to delete one, what must be gone before
scan        lists all kinds at once; what could not be listed is unknown
options     the options that census and teardown share
plan        which items are ours, which are kept and why, in which order the rest goes; pure
guards      what must hold before the first deletion
blockers    who stands in the way of a deletion, by name
teardown    the rounds: delete what is free to go, look again, until nothing moves
"""
