# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every session of botocore begins with, made once a playbook.

Each reads botocore's own files anew (which services there are, every endpoint, one service's operations) and registers
more than a hundred handlers: 60 to 100 ms of CPU before a client's first call, several times the call itself. Neither
changes while a playbook runs. Settings and credentials do: each session reads those itself.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gzip
import itertools
import json

try:
    import botocore.handlers
    import botocore.hooks
    import botocore.loaders
    import botocore.session
except ImportError:  # AnsibleAWSModule reports the missing library
    botocore = None

# What every client needs.
FILES = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
LISTS = ("service-2", "endpoint-rule-set-1", "paginators-1")
# Whose operations and endpoint rules several workers of nearly every playbook need, EC2's alone for as long as a task
# takes. Those of another service are read by the first client in each worker.
SERVICES = ("dynamodb", "ec2", "ecs", "kms", "rds")
OF_A_SERVICE = ("service-2", "endpoint-rule-set-1")


def share() -> None:
    """From now on every session of this process, and of those forked from it, begins with what the first one has made.

    Sessions with another AWS_DATA_PATH read that.
    """
    if botocore is None:
        return
    botocore.session.create_loader = functools.cache(create_loader)
    known, handlers = list(botocore.handlers.BUILTIN_HANDLERS), botocore.hooks.HierarchicalEmitter()
    session = botocore.session.Session(event_hooks=handlers)
    botocore.session.get_session = functools.partial(begin_session, known, handlers)
    loader = session.get_component("data_loader")
    for name in FILES:
        loader.load_data(name)
    for name in LISTS:
        loader.list_available_services(name)
    for name, kind in itertools.product(SERVICES, OF_A_SERVICE):
        # As a client asks for it: the loader keeps an answer by the words of the question.
        loader.load_service_model(name, kind, api_version=None)


def create_loader(search_path: str | None = None) -> botocore.loaders.Loader:
    """botocore's, but what it reads comes as dicts: they keep their order too, are made in half the time, and leave
    less memory to fork each worker with."""
    loader = botocore.loaders.create_loader(search_path)
    loader.file_loader.load_file = load_file
    return loader


def load_file(path: str) -> dict | None:
    """A file of botocore's by its path without the ending."""
    for ending, open_it in ((".json", open), (".json.gz", gzip.open)):
        with contextlib.suppress(FileNotFoundError), open_it(path + ending, "rb") as file:
            return json.load(file)
    return None


def begin_session(
    known: list, handlers: botocore.hooks.HierarchicalEmitter, env_vars: dict | None = None
) -> botocore.session.Session:
    """`botocore.session.get_session`, but sooner: a session with botocore's own handlers, which it may add to."""
    if known != botocore.handlers.BUILTIN_HANDLERS:
        # Who adds to botocore's own (a tracer, a mock) wants to be heard in every session.
        return botocore.session.Session(env_vars)
    return botocore.session.Session(env_vars, event_hooks=copy.copy(handlers), include_builtin_handlers=False)
