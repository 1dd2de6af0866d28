# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages: questions read, answers written, truncation, client subnet, broken bytes."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from rehearsal.dns.answer import NOERROR, Record, Reply
from rehearsal.dns.wire import build_message, respond, subnet_of

ONE = Reply(NOERROR, (Record("ehr.medzenhealth.app.", "A", 5, "1.2.3.4"),))
MANY = Reply(NOERROR, tuple(Record("ehr.medzenhealth.app.", "A", 5, f"1.2.3.{n}") for n in range(100)))


def ask(reply, stream=False, seen=None, **options):
    def answer(query):
        if seen is not None:
            seen.append(query)
        return build_message(query, reply, authoritative=True, recursive=False)

    question = dns.message.make_query("EHR.medzenhealth.app", "A", **options)
    return dns.message.from_wire(respond(question.to_wire(), "127.104.201.7", answer, stream=stream))


def subnet_of_answer(message):
    return next(option for option in message.options if isinstance(option, dns.edns.ECSOption))


def test_an_answer_is_authoritative_and_holds_the_records():
    message = ask(ONE)
    assert message.flags & dns.flags.AA
    assert [str(item) for item in message.answer[0]] == ["1.2.3.4"]


def test_a_long_answer_is_cut_on_udp_and_whole_on_tcp():
    assert ask(MANY).flags & dns.flags.TC
    assert len(ask(MANY, stream=True).answer[0]) == 100


def test_edns_allows_longer_datagrams():
    reply = Reply(NOERROR, MANY.records[:50])
    assert not ask(reply, use_edns=0, payload=1232).flags & dns.flags.TC
    assert ask(reply).flags & dns.flags.TC


def test_the_client_subnet_says_where_the_client_is():
    seen = []
    ask(ONE, seen=seen, use_edns=0, options=[dns.edns.ECSOption("102.244.7.0", 24)])
    ask(ONE, seen=seen)
    assert [query.client for query in seen] == ["102.244.7.0", "127.104.201.7"]


def test_the_scope_says_whether_the_place_mattered():
    options = {"use_edns": 0, "options": [dns.edns.ECSOption("102.244.7.0", 24)]}
    located = Reply(NOERROR, ONE.records, located=True)
    assert [subnet_of_answer(ask(reply, **options)).scopelen for reply in (ONE, located)] == [0, 24]


def test_text_and_mail_records_survive_the_wire():
    records = (Record("m.app.", "TXT", 5, '"a b" "c"'), Record("m.app.", "MX", 5, "10 mail.m.app."))
    message = ask(Reply(NOERROR, records))
    assert sorted(str(item) for rrset in message.answer for item in rrset) == ['"a b" "c"', "10 mail.m.app."]


def test_broken_bytes_get_a_format_error_or_silence():
    broken = dns.message.from_wire(respond(b"\x12\x34" + b"\0" * 10, "127.0.0.1", None, stream=False))
    assert broken.rcode() == dns.rcode.FORMERR
    assert respond(b"short", "127.0.0.1", None, stream=False) is None


def test_the_resolver_tells_only_the_network_of_its_client():
    assert subnet_of("127.104.201.7") == "127.104.201.0/24"
