# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names to addresses: through the resolvers that the inventory names, or through the system's when it names none."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

try:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver

    HAS_DNSPYTHON = True
except ImportError:  # modules report the missing library themselves
    HAS_DNSPYTHON = False

LIFETIME_S = 5.0
ASK_TIMEOUT_S = 2.0


class ResolveError(MultiregionError):
    """A name has no address, or nobody could say."""


@dataclass(frozen=True)
class Answer:
    """What one server said. `values` is None when it said nothing: that is unknown, not "no such record"."""

    server: str
    values: tuple[str, ...] | None
    rcode: str = ""
    ttl: int | None = None
    authoritative: bool = False
    error: str = ""
    chain: tuple[str, ...] = field(default=())


def split_server(server: str, port_default: int = 53) -> tuple[str, int]:
    """192.0.2.1, 192.0.2.1:5300, 2001:db8::1 or [2001:db8::1]:5300 as address and port."""
    if server.startswith("["):
        address, _bracket, rest = server[1:].partition("]")
        return address, int(rest[1:]) if rest.startswith(":") else port_default
    if server.count(":") == 1:
        address, port = server.split(":")
        return address, int(port)
    return server, port_default


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve(host: str, resolvers: Sequence[str] = (), port_default: int = 53) -> list[str]:
    """All addresses of a name. With resolvers given, only they are asked: a fallback could show another world."""
    if is_address(host):
        return [host]
    return _resolve_by(host, resolvers, port_default) if resolvers else _resolve_by_system(host)


def system_servers() -> list[str]:
    """The name servers that this machine asks; none when it names none."""
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        return []


def _resolve_by_system(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ResolveError(f"Failed to resolve {host} by the system's resolver: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolve_by(host: str, resolvers: Sequence[str], port_default: int) -> list[str]:
    failures = []
    for server in resolvers:
        try:
            addresses = _addresses(host, *split_server(server, port_default))
        except dns.exception.DNSException as error:
            failures.append(f"{server}: {error}")
            continue
        if addresses:
            return addresses
        failures.append(f"{server}: no address")
    raise ResolveError(f"Failed to resolve {host}: {'; '.join(failures)}")


def _addresses(host: str, address: str, port: int) -> list[str]:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [address], port, LIFETIME_S
    name = host if host.endswith(".") else f"{host}."
    found = [str(record) for record in resolver.resolve(name, "A", raise_on_no_answer=False).rrset or ()]
    return found or [str(record) for record in resolver.resolve(name, "AAAA", raise_on_no_answer=False).rrset or ()]


def ask(
    server: str,
    name: str,
    kind: str,
    *,
    recurse: bool,
    client_subnet: str = "",
    port_default: int = 53,
    timeout_s: float = ASK_TIMEOUT_S,
) -> Answer:
    """One question to one server, over TCP when the answer does not fit UDP. Never raises for a silent server.

    With a client subnet the server is asked as a resolver asks on behalf of a client there (RFC 7871).
    """
    address, port = split_server(server, port_default)
    query = dns.message.make_query(
        name if name.endswith(".") else f"{name}.", kind, options=subnet_options(client_subnet)
    )
    if not recurse:
        query.flags &= ~dns.flags.RD
    try:
        reply, _tcp = dns.query.udp_with_fallback(query, address, timeout=timeout_s, port=port)
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return Answer(server, None, error=f"{type(error).__name__}: {error}")
    return read_reply(server, reply, kind)


def subnet_options(client_subnet: str) -> list | None:
    if not client_subnet:
        return None
    network = ipaddress.ip_network(client_subnet, strict=False)
    return [dns.edns.ECSOption(str(network.network_address), network.prefixlen)]


def read_reply(server: str, reply: dns.message.Message, kind: str) -> Answer:
    """A reply as values. SERVFAIL and REFUSED are no statement about the record: values stay unknown."""
    rcode = dns.rcode.to_text(reply.rcode())
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return Answer(server, None, rcode=rcode, error=f"answered {rcode}")
    wanted = dns.rdatatype.from_text(kind)
    sets = [rrset for rrset in reply.answer if rrset.rdtype == wanted]
    chain = [str(r).rstrip(".").lower() for s in reply.answer if s.rdtype == dns.rdatatype.CNAME for r in s]
    values = tuple(sorted(normalize(str(record), kind) for rrset in sets for record in rrset))
    ttl = min((rrset.ttl for rrset in reply.answer), default=None)
    return Answer(server, values, rcode, ttl, bool(reply.flags & dns.flags.AA), chain=tuple(chain))


def normalize(value: str, kind: str) -> str:
    """Names compare without the final dot and without case; everything else as it is written."""
    return value.rstrip(".").lower() if kind.upper() in ("CNAME", "NS", "PTR", "MX", "SRV") else value
