# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket to the cloud: lines of JSON, and the end of this process when the other side is gone."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any


class Link:
    """Reads in a thread, so that a function that never returns ends with its cloud all the same."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._arrived: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="link", daemon=True).start()

    def _read(self) -> None:
        with self._socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self._arrived.put(json.loads(line))
        os._exit(0)

    def invocations(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._arrived.get()

    def send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")
