# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""botocore's own files, read once a playbook.

Every session reads them anew (which services there are, every endpoint, one service's operations): 60 to 100 ms of CPU
before a client's first call, several times the call itself. They do not change while a playbook runs. Settings and
credentials do: each session reads those itself.
"""

from __future__ import annotations

import functools

try:
    import botocore.loaders
    import botocore.session
except ImportError:  # AnsibleAWSModule reports the missing library
    botocore = None

# What every client needs. A service's own files are read by the first client of the service.
FILES = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
LISTS = ("service-2", "endpoint-rule-set-1", "paginators-1")


def share() -> None:
    """From now on every session of this process, and of those forked from it, has the same loader and what it has read.

    Sessions with another AWS_DATA_PATH have another one.
    """
    if botocore is None:
        return
    botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
    loader = botocore.session.Session().get_component("data_loader")
    for name in FILES:
        loader.load_data(name)
    for name in LISTS:
        loader.list_available_services(name)
