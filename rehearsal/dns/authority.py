# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the four name servers: answers from its own view, with authority."""

from __future__ import annotations

import random

from dnslib import DNSRecord

from rehearsal.dns.answer import Question, Reply, answer
from rehearsal.dns.location import Map
from rehearsal.dns.wire import Query, build_message
from rehearsal.dns.zone import View


class Authority:
    """Holds a view until the next one replaces it."""

    def __init__(self, chance: random.Random) -> None:
        self.view = View()
        self.places = Map([])
        self._chance = chance

    def ask(self, name: str, record_type: str, client: str) -> Reply:
        """What a client at that address is answered."""
        return answer(self.view, Question(name, record_type, self.places.locate(client)), self._chance)

    def respond(self, query: Query) -> DNSRecord:
        reply = self.ask(query.name, query.type, query.client)
        return build_message(query, reply, authoritative=True, recursive=False)
