# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one API call: identified, met by faults, checked by layers, answered by moto or a layer, written down."""

from __future__ import annotations

import functools
import io
import logging
import time
from collections.abc import Iterable
from typing import Any

from moto.core import responses as moto_responses
from moto.core.utils import get_service_model, method_names_from_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app

from rehearsal.cloud import faults as fault_rules
from rehearsal.cloud.errors import ApiError, ConnectionDropped, NoEndpoint
from rehearsal.cloud.faults import Rule
from rehearsal.cloud.ledger import is_write
from rehearsal.cloud.lost_regions import RegionLost
from rehearsal.cloud.operations import Call, Outside
from rehearsal.cloud.redaction import redact
from rehearsal.cloud.repeats import Repeats
from rehearsal.cloud.requests import identify, read_scope
from rehearsal.cloud.wire import Answer, error_answer, error_code, result_answer
from rehearsal.cloud.world_state import World

LOG = logging.getLogger("rehearsal.cloud")
# A failure of the stand-in itself; 501, because botocore retries a 500 and hides it.
OWN_FAILURE, OWN_FAILURE_STATUS = "StandInFailure", 501


class MotoDispatcher(DomainDispatcherApplication):
    """moto's routing by the signature's service name, with an answer as a value."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._backends: dict[str | None, Any] = {}
        # moto looks through all members of a class on every call; layers have added theirs by now.
        moto_responses.method_names_from_class = functools.cache(method_names_from_class)

    def get_backend_for_host(self, host: str | None) -> Any:
        """As moto's, which reads the file system on every call: remembered, a third of a call's time is saved."""
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]

    def answer(self, environ: dict[str, Any], body: bytes) -> Answer:
        environ = dict(environ, **{"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        try:
            application = self.get_application(environ)
        except (AttributeError, KeyError, ValueError) as problem:
            raise NotImplementedError("moto has no such service") from problem
        chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
        return Answer(int(status.split()[0]), b"".join(chunks), list(headers))


class Dispatcher:
    """Takes calls one after the other over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = MotoDispatcher()
        self._repeats = Repeats(world.clock)

    def answer(self, environ: dict[str, Any], body: bytes) -> Answer:
        """Answer a request; raises ConnectionDropped when a fault wants that or nobody is there to answer."""
        scope = read_scope(environ)
        if scope is None:
            return self._moto_alone(environ, body)
        call = identify(environ, body, scope)
        if self._world.lost.meets(call):
            self._write_down(call, 0, "RegionLost", 0.0)
            self._world.lost.hold(call.region)
            raise RegionLost
        write = is_write(call.service, call.operation)
        rules = self._world.faults.taken(call, write)
        started = time.perf_counter()
        try:
            answer = self._faulted(call, rules) or self._answered(environ, body, call)
        except NoEndpoint as problem:
            LOG.warning("%s: no answer. %s", call.operation, problem)
            self._write_down(call, 0, type(problem).__name__, time.perf_counter() - started, rules)
            raise
        self._write_down(call, answer.status, error_code(answer), time.perf_counter() - started, rules)
        _after_effect(rules)
        return answer

    def _moto_alone(self, environ: dict[str, Any], body: bytes) -> Answer:
        """Unsigned requests (moto's own pages, public objects) are no calls of a client that we watch."""
        with self._world.lock:
            return self._moto.answer(environ, body)

    def _faulted(self, call: Call, rules: list[Rule]) -> Answer | None:
        for rule in rules:
            if rule.action == "delay":
                time.sleep(rule.seconds)
        for rule in rules:
            if rule.action == "no_answer":
                raise NoEndpoint(f"Fault {rule.id} of the rehearsal.")
            if rule.action in ("throttle", "error"):
                code, status = rule.error(call)
                return error_answer(call, ApiError(code, f"Fault {rule.id} of the rehearsal.", status))
        return None

    def _answered(self, environ: dict[str, Any], body: bytes, call: Call) -> Answer:
        try:
            with self._world.lock:
                taken = self._take(environ, body, call)
            return self._outside(call, taken) if isinstance(taken, Outside) else taken
        except ApiError as error:
            return error_answer(call, error)
        except ConnectionDropped:
            raise
        except NotImplementedError as problem:
            return error_answer(call, _not_implemented(call, str(problem)))
        except Exception as problem:  # the server must outlive any bug and name it to the caller
            LOG.exception("%s %s in %s", call.service, call.operation, call.region)
            text = f"The stand-in failed in {call.service} {call.operation}: {type(problem).__name__}: {problem}"
            return error_answer(call, ApiError(OWN_FAILURE, text, OWN_FAILURE_STATUS))

    def _outside(self, call: Call, slow: Outside) -> Answer:
        """Let others in while the work is done."""
        result = slow.work()
        with self._world.lock:
            return self._finish(call, result_answer(call, result))

    def _take(self, environ: dict[str, Any], body: bytes, call: Call) -> Answer | Outside:
        operations = self._world.operations
        self._world.settle()
        for check in operations.every_call:
            check(call)
        if not call.known:
            raise NotImplementedError("no such operation in botocore")
        kept = self._repeats.find(call)
        if kept is not None:
            return kept
        for check in operations.checks(call):
            check(call)
        handler = operations.handler(call)
        if handler is None:
            return self._finish(call, self._moto.answer(environ, body))
        result = handler(call)
        return result if isinstance(result, Outside) else self._finish(call, result_answer(call, result))

    def _finish(self, call: Call, answer: Answer) -> Answer:
        """Keep what may be asked for again, and let the layers change what follows from a success."""
        # A HEAD has no body in any case: what it did not find is no page.
        if _is_page(answer) and not call.operation.startswith("Head"):
            raise NotImplementedError("moto has no such operation")
        if answer.status < 400:
            self._repeats.keep(call, answer)
            for change in self._world.operations.changes(call):
                change(call)
        return answer

    def _write_down(
        self, call: Call, status: int, error: str | None, duration_s: float, rules: Iterable[Rule] = ()
    ) -> None:
        shape = get_service_model(call.service).operation_model(call.operation).input_shape if call.known else None
        met = [rule.action for rule in rules]
        self._world.ledger.add(call, redact(call.parameters, shape), status, error, duration_s, met)


def _after_effect(rules: list[Rule]) -> None:
    for rule in rules:
        if rule.action == "kill":
            fault_rules.kill(int(rule.pid or 0), tree=rule.tree)
    if any(rule.action == "lost_response" for rule in rules):
        raise ConnectionDropped


def _not_implemented(call: Call, reason: str) -> ApiError:
    text = f"The stand-in has no {call.service} {call.operation} ({reason})."
    return ApiError("NotImplemented", f"{text} Add it to rehearsal/cloud or do not call it.", 501)


def _is_page(answer: Answer) -> bool:
    """moto answers a path that it does not know with a page of HTML."""
    if answer.status != 404:
        return False
    content = {name.lower(): value for name, value in answer.headers}.get("content-type", "")
    return content.startswith("text/html") and (not answer.body or b"<!doctype" in answer.body[:200].lower())
