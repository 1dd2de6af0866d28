# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option of modules that ask first whether a region has the service."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  extra_regions:
    description:
      - Regions that have the service although the installed botocore does not know it yet.
      - In every other region that botocore's endpoint table lacks, as in one whose name is mistyped, the task refuses
        before it calls anything.
    type: list
    elements: str
    default: []
"""
