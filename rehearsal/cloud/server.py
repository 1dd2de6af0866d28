# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server of a world: AWS's API and, below /_rehearsal/, the control API; connections are kept open."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import MotoRequestHandler

from rehearsal.cloud.control import answer_control
from rehearsal.cloud.dispatch import Dispatcher
from rehearsal.cloud.errors import ConnectionDropped
from rehearsal.cloud.wire import Answer
from rehearsal.cloud.world_state import World
from rehearsal.settings import API_PORT

LOG = logging.getLogger("rehearsal.cloud")
CONTROL_PREFIX = "/_rehearsal/"


class Handler(MotoRequestHandler):
    """One connection; werkzeug closes each after one answer, this one keeps it, which saves a connect per call."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        body = self._read_body()
        try:
            answer = self.server.answer(environ, body)
        except ConnectionDropped:
            self._drop()
            return
        self._send(answer)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Answer) -> None:
        """Write head and body at once: two small writes on a kept connection wait for each other."""
        reason = http.client.responses.get(answer.status, "")
        lines = [f"HTTP/1.1 {answer.status} {reason}"]
        lines += [
            f"{name}: {value}" for name, value in answer.headers if name.lower() not in ("content-length", "connection")
        ]
        length = len(answer.body)
        if self.command == "HEAD":
            length = int(dict((n.lower(), v) for n, v in answer.headers).get("content-length", 0))
        head = "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + answer.body)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """The ledger is the log."""


class Server(ThreadingHTTPServer):
    """Serves one world until it is shut down."""

    daemon_threads = True
    request_queue_size = 256
    # Attributes that werkzeug's handler asks its server for.
    multithread, multiprocess, ssl_context, passthrough_errors = True, False, None, False

    def __init__(self, world: World) -> None:
        self.world = world
        self._dispatcher = Dispatcher(world)
        super().__init__((world.settings.api_host, API_PORT), Handler)

    def answer(self, environ: dict[str, Any], body: bytes) -> Answer:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(CONTROL_PREFIX):
            return self._dispatcher.answer(environ, body)
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        status, result = answer_control(self.world, environ["REQUEST_METHOD"], path[len(CONTROL_PREFIX) :], body, query)
        return Answer(status, json.dumps(result).encode(), [("Content-Type", "application/json")])

    def log(self, kind: str, message: str, *arguments: Any) -> None:
        """Where werkzeug's handler puts what it has to say."""
        LOG.warning(message.rstrip(), *arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.exception("Connection of %s", client_address)
