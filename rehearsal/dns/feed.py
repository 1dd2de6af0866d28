# SPDX-License-Identifier: GPL-3.0-or-later
"""How zones, names and health checks get from the cloud to the name servers, and verdicts back."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from rehearsal.pace import Pace
from rehearsal.settings import API_PORT, Settings

LOG = logging.getLogger("rehearsal.dns")
# While a change is on its way to the name servers.
BUSY_POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 10.0
ZONE_PATH = "/_rehearsal/zone"
Document = dict[str, Any]


class Cloud:
    """A kept connection to the cloud's control API; one thread's own."""

    def __init__(self, settings: Settings) -> None:
        self._connection = http.client.HTTPConnection(settings.api_host, API_PORT, timeout=TIMEOUT_SECONDS)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """JSON in and out; raises OSError or HTTPException when the cloud cannot be asked."""
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body))
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if response.status != 200:
            raise OSError(f"{method} {path}: {response.status} {text[:200]!r}; expected 200")
        return json.loads(text)


class Feed(threading.Thread):
    """Hands each new document to `take`, which returns when it is served: asking with its serial says so."""

    def __init__(self, settings: Settings, take: Callable[[Document], None]) -> None:
        super().__init__(name="feed", daemon=True)
        self._cloud = Cloud(settings)
        self._take = take
        self._serial = ""
        self._quiet = False
        self._busy = False
        self._pace = Pace()

    def run(self) -> None:
        while True:
            try:
                self.poll()
            except Exception:  # A document that cannot be served must not end the following of later ones.
                LOG.exception("The zone was not taken over")
            time.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next question."""
        return BUSY_POLL_SECONDS if self._busy else self._pace.pause()

    def poll(self) -> None:
        """Ask once; an unreachable cloud is said once, and the last document stays."""
        try:
            document = self._cloud.call("GET", f"{ZONE_PATH}?serial={self._serial}")
        except (OSError, http.client.HTTPException, ValueError) as problem:
            if not self._quiet:
                LOG.warning("The zone cannot be read (%s); the last one is served on.", problem)
            self._quiet = True
            return
        self._quiet = False
        if document["serial"] != self._serial:
            self._take(document)
            self._pace.note_change()
            self._serial, self._busy = document["serial"], document["travelling"]
