# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clients for one module: what reads a whole region needs twenty services, and often several regions at once.

`AnsibleAWSModule.client` loads botocore's models anew for each client (about 100 ms of CPU). One session does it once.
And one client for all that a worker does: the items of a loop, the functions of a module.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

try:
    import boto3
    from botocore.config import Config
except ImportError:  # AnsibleAWSModule reports the missing library
    pass

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.retries import RetryingBotoClientWrapper
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import RETRY

THREADS_MAX = 8
# A region that is dark must become "unknown" within a minute, not hang the audit.
LIMITS = {"connect_timeout": 5, "read_timeout": 30, "max_pool_connections": THREADS_MAX, "retries": {"max_attempts": 3}}
# Settings that can be told apart by their values.
PLAIN = (str, int, type(None))

Input = TypeVar("Input")
Output = TypeVar("Output")


class Clients:
    """One session; one client a service and region, made when first asked for. Safe to share between threads."""

    def __init__(self, module: Any, limits: dict[str, Any] | None = None, retry: Any = RETRY):
        """`limits` are botocore's, over those of LIMITS; `retry` is what `aws_retry=True` means."""
        self.region, self._endpoint, parameters = get_aws_connection_info(module)
        self._retry = retry
        config = Config(**LIMITS | (limits or {}))
        given = parameters.pop("aws_config", None)
        self._config = config.merge(given) if given else config
        self._session = boto3.session.Session(profile_name=parameters.pop("profile_name", None))
        self._parameters = parameters
        self._made: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str, region: str | None = None) -> Any:
        """The client; its calls take `aws_retry=True`."""
        key = (service, region or self.region)
        with self._lock:  # sessions are not safe to make clients from in parallel, clients are safe to use
            if key not in self._made:
                self._made[key] = RetryingBotoClientWrapper(self._make(*key), self._retry)
            return self._made[key]

    def _make(self, service: str, region: str | None) -> Any:
        return self._session.client(
            service, region_name=region, endpoint_url=self._endpoint, config=self._config, **self._parameters
        )


def keep(module_class: type) -> None:
    """From now on `module_class.client` answers the same question with the same client, in this process.

    A worker is there for one task, so nothing changes under way: not its region, nor whom its keys belong to. Another
    client would be 10 ms of CPU and, with its first call, a handshake with AWS. Settings that are objects (a Config)
    are compared with nothing: who brings one gets a client of its own.
    """
    make = module_class.client
    if getattr(make, "keeps", False):
        return
    kept: dict[tuple, Any] = {}

    def client(module: Any, service: str, retry_decorator: Any = None, **more: Any) -> Any:
        region, endpoint, parameters = get_aws_connection_info(module)
        settings = {**parameters, "region": region, "endpoint": endpoint, **more}
        if not all(isinstance(value, PLAIN) for value in settings.values()):
            return make(module, service, retry_decorator, **more)
        key = (service, retry_decorator, *sorted(settings.items()))
        if key not in kept:
            kept[key] = make(module, service, retry_decorator, **more)
        return kept[key]

    client.keeps = True
    module_class.client = client


def in_parallel(function: Callable[[Input], Output], inputs: Iterable[Input]) -> list[Output]:
    """The function's results in the order of the inputs; the first error is raised after all have ended."""
    items = list(inputs)
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(THREADS_MAX, len(items))) as pool:
        return list(pool.map(function, items))
