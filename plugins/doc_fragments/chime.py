# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what every module of the Chime SDK shares."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  extra_regions:
    description:
      - Regions that have the service and are newer than the installed botocore. In any other region without the
        service the task fails before a call, with the list of regions that have it.
      - The check holds with O(endpoint_url) as well.
    type: list
    elements: str
    default: []
notes:
  - The endpoints are those of the control region, which is O(region). Where the media of a meeting is, is another
    question.
"""
