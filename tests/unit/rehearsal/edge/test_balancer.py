# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer with real sockets on loopback, in front of targets of the test's own."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from rehearsal.cloud.acm.authority import Authority
from rehearsal.edge.link import Link
from rehearsal.edge.listeners import Fleet
from rehearsal.edge.model import read_balancer
from rehearsal.edge.proxy import open_session

SCALE = 6000
DEADLINE_S = 5.0


HELD: list[socket.socket] = []


def free_port():
    """A port that nobody else is given before the end of the test.

    The socket stays bound and never listens: a listener that reuses the address, as asyncio's do, can open the port,
    a connection to it is refused until then, and the kernel gives it neither to port 0 nor to a client beside us.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    HELD.append(held)
    return held.getsockname()[1]


@pytest.fixture(autouse=True)
def release_ports():
    yield
    while HELD:
        HELD.pop().close()


class Backend:
    """A target: answers with its port, its health and what it was sent."""

    def __init__(self):
        self.port, self.status = free_port(), 200
        self.arrived, self.released = asyncio.Event(), asyncio.Event()

    async def handle(self, request):
        if request.path == "/health":
            return web.Response(status=self.status)
        if request.path == "/large":
            return web.Response(body=b"x" * 600_000)
        if request.path == "/hang":
            self.arrived.set()
            await self.released.wait()
        body = await request.read()
        return web.Response(body=body or str(self.port).encode(), headers={"X-Target": str(self.port)})

    @asynccontextmanager
    async def run(self):
        runner = web.ServerRunner(web.Server(self.handle, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield self
        finally:
            self.released.set()
            await runner.cleanup()


def describe(port, targets, *, sticky=False, certificate=None, actions=None, idle_timeout_s=60):
    listener = {"port": port, "protocol": "HTTP"}
    if certificate:
        listener |= {"protocol": "HTTPS", "certificate_pem_path": certificate[0], "key_path": certificate[1]}
    listener["actions"] = actions or [{"type": "forward", "target_groups": [{"arn": "group", "weight": 1}]}]
    check = {"protocol": "HTTP", "path": "/health", "port": "traffic-port", "interval_s": 30, "timeout_s": 5}
    check |= {"healthy_threshold": 2, "unhealthy_threshold": 2, "matcher": "200"}
    group = {"arn": "group", "health_check": check, "stickiness": {"enabled": sticky, "duration_s": 60}}
    group["targets"] = [{"id": "127.0.0.1", "port": number, "state": state} for number, state in targets]
    row = {"arn": "balancer", "name": "balancer", "address": "127.0.0.1", "idle_timeout_s": idle_timeout_s}
    return row | {"listeners": [listener], "target_groups": [group]}


@asynccontextmanager
async def balance(row):
    async with open_session() as session:
        fleet = Fleet(session)
        assert await fleet.apply([read_balancer(row)], SCALE)
        try:
            yield fleet
        finally:
            await fleet.close()


async def until(fleet, **states):
    """Wait for targets' states, given as port=state."""
    wanted = {f"127.0.0.1:{port.lstrip('_')}": state for port, state in states.items()}
    for _ in range(int(DEADLINE_S / 0.02)):
        rows = fleet.report()["targets"]["group"]
        if {key: row["state"] for key, row in rows.items()} == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{rows}; expected {wanted}")


async def get(port, path="/", **options):
    async with aiohttp.ClientSession() as session:
        method = options.pop("method", "GET")
        async with session.request(method, f"http://127.0.0.1:{port}{path}", **options) as answer:
            return answer.status, answer.headers, await answer.read()


def test_a_port_of_a_test_goes_to_nobody_else():
    port = free_port()
    with socket.socket() as stranger, pytest.raises(OSError, match="Address already in use"):
        stranger.bind(("127.0.0.1", port))


def test_healthy_targets_take_turns_and_requests_are_counted():
    async def run():
        port = free_port()
        async with Backend().run() as one, Backend().run() as two:
            row = describe(port, [(one.port, "registered"), (two.port, "registered")])
            async with balance(row) as fleet:
                await until(fleet, **{f"_{one.port}": "healthy", f"_{two.port}": "healthy"})
                answers = [(await get(port))[2] for _ in range(4)]
                assert set(answers) == {str(one.port).encode(), str(two.port).encode()}
                assert fleet.report()["counts"] == {"balancer": {"RequestCount": 4}}

    asyncio.run(run())


def test_an_unhealthy_target_gets_nothing_until_all_are():
    async def run():
        port = free_port()
        async with Backend().run() as one, Backend().run() as two:
            one.status = 503
            async with balance(describe(port, [(one.port, "registered"), (two.port, "registered")])) as fleet:
                await until(fleet, **{f"_{one.port}": "unhealthy", f"_{two.port}": "healthy"})
                assert {(await get(port))[2] for _ in range(3)} == {str(two.port).encode()}
                reason = fleet.report()["targets"]["group"][f"127.0.0.1:{one.port}"]
                assert reason["description"] == "Health checks failed with these codes: [503]"
                two.status = 503
                await until(fleet, **{f"_{one.port}": "unhealthy", f"_{two.port}": "unhealthy"})
                assert {(await get(port))[2] for _ in range(4)} == {str(one.port).encode(), str(two.port).encode()}

    asyncio.run(run())


def test_a_draining_target_finishes_and_gets_nothing_new():
    async def run():
        port = free_port()
        async with Backend().run() as one, Backend().run() as two:
            row = describe(port, [(one.port, "registered")])
            async with balance(row) as fleet:
                under_way = asyncio.create_task(get(port, "/hang"))
                await asyncio.wait_for(one.arrived.wait(), DEADLINE_S)
                changed = describe(port, [(one.port, "draining"), (two.port, "registered")])
                await fleet.apply([read_balancer(changed)], SCALE)
                assert {(await get(port))[2] for _ in range(3)} == {str(two.port).encode()}
                assert not under_way.done()
                one.released.set()
                assert (await under_way)[2] == str(one.port).encode()

    asyncio.run(run())


def test_without_targets_503_and_without_a_process_502():
    async def run():
        port, dead = free_port(), free_port()
        async with balance(describe(port, [])) as fleet:
            assert (await get(port))[0] == 503
            await fleet.apply([read_balancer(describe(port, [(dead, "registered")]))], SCALE)
            assert (await get(port))[0] == 502
            # Without a target it is none of the balancer's requests.
            assert fleet.report()["counts"] == {"balancer": {"RequestCount": 1, "HTTPCode_ELB_5XX_Count": 2}}

    asyncio.run(run())


def test_a_target_that_does_not_answer_is_504():
    async def run():
        port = free_port()
        async with Backend().run() as one:
            row = describe(port, [(one.port, "registered")], idle_timeout_s=0.2)
            async with balance(row):
                assert (await get(port, "/hang"))[0] == 504

    asyncio.run(run())


def test_bodies_of_any_size_pass():
    async def run():
        port = free_port()
        async with Backend().run() as one, balance(describe(port, [(one.port, "registered")])):
            assert (await get(port, method="POST", data=b"small"))[2] == b"small"
            assert (await get(port, method="POST", data=b"y" * 900_000))[2] == b"y" * 900_000
            assert len((await get(port, "/large"))[2]) == 600_000

    asyncio.run(run())


def test_a_lost_answer_is_that_of_a_write_that_was_done():
    async def run():
        port = free_port()
        async with Backend().run() as one:
            row = describe(port, [(one.port, "registered")]) | {"lost_answers": 1.0}
            async with balance(row) as fleet:
                with pytest.raises(aiohttp.ServerDisconnectedError):
                    await get(port, method="POST", data=b"kept")
                assert (await get(port))[0] == 200
                requests = fleet.report()["counts"]["balancer"]["RequestCount"]
                await fleet.apply([read_balancer(row | {"lost_answers": 0})], SCALE)
                assert (await get(port, method="POST", data=b"told"))[2] == b"told"
                assert requests >= 2

    asyncio.run(run())


def test_a_sticky_client_stays_with_its_target():
    async def run():
        port = free_port()
        async with Backend().run() as one, Backend().run() as two:
            row = describe(port, [(one.port, "registered"), (two.port, "registered")], sticky=True)
            async with balance(row), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                answers = set()
                for _ in range(4):
                    async with session.get(f"http://127.0.0.1:{port}/") as answer:
                        answers.add(await answer.read())
                assert len(answers) == 1

    asyncio.run(run())


def test_a_fixed_response_needs_no_target():
    async def run():
        port = free_port()
        action = {"type": "fixed-response", "status": 503, "body": "closed", "content_type": "text/plain"}
        async with balance(describe(port, [], actions=[action])):
            assert (await get(port))[::2] == (503, b"closed")

    asyncio.run(run())


@pytest.fixture
def certificates(tmp_path):
    """Two certificates by one authority: (certificate path, key path) by name."""
    authority = Authority.load_or_create(tmp_path)
    made = {}
    for name in ("first.example", "second.example"):
        certificate, key = authority.issue([name])
        made[name] = (str(tmp_path / f"{name}.pem"), str(tmp_path / f"{name}.key"))
        (tmp_path / f"{name}.pem").write_bytes(certificate)
        (tmp_path / f"{name}.key").write_bytes(key)
    return tmp_path / "ca.pem", made


def test_tls_shows_the_listeners_certificate_of_the_moment(certificates):
    trusted, made = certificates

    async def ask(port, name):
        context = ssl.create_default_context(cafile=str(trusted))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.close()
        return True

    async def run():
        port = free_port()
        async with balance(describe(port, [], certificate=made["first.example"])) as fleet:
            assert await ask(port, "first.example")
            changed = describe(port, [], certificate=made["second.example"])
            await fleet.apply([read_balancer(changed)], SCALE)
            assert await ask(port, "second.example")
            with pytest.raises(ssl.SSLCertVerificationError):
                await ask(port, "first.example")

    asyncio.run(run())


def test_a_deleted_balancer_stops_listening():
    async def run():
        port = free_port()
        async with balance(describe(port, [])) as fleet:
            await fleet.apply([], SCALE)
            with pytest.raises(aiohttp.ClientConnectorError):
                await get(port)

    asyncio.run(run())


def test_the_cloud_is_followed_by_serial_and_told_what_changed():
    async def run():
        port, api = free_port(), free_port()
        asked, told = [], []

        async def cloud(request):
            if request.method == "POST":
                told.append(await request.json())
                return web.json_response({})
            asked.append(request.query["serial"])
            known = request.query["serial"] == "s1"
            row = {"serial": "s1", "scale": SCALE, "balancers": [describe(port, [])]}
            return web.json_response({"serial": "s1"} if known else row)

        runner = web.ServerRunner(web.Server(cloud, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", api).start()
        async with open_session() as targets, aiohttp.ClientSession() as session:
            fleet = Fleet(targets)
            link = Link(f"http://127.0.0.1:{api}", session, fleet)
            for _ in range(2):
                await link.take_changes()
                await link.report_once()
            await fleet.close()
        await runner.cleanup()
        assert asked == ["", "s1"]
        assert told == [{"targets": {"group": {}}, "counts": {"balancer": {}}}]

    asyncio.run(run())
