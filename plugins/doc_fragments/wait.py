# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that every waiting module shares."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until what was started has come to its end.
      - A second run joins what is still under way; it never starts another.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds. When it is over the task fails with the last state seen; what was started goes on.
    type: int
    default: 3600
  poll_seconds:
    description:
      - How long to pause between two looks, in seconds.
    type: float
    default: 10.0
"""
