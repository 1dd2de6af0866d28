# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud process of a world: python -m rehearsal.cloud --world W."""

from __future__ import annotations

import argparse
import logging
import signal
import threading

from rehearsal.cloud import control, layers
from rehearsal.cloud.server import Server
from rehearsal.cloud.world_state import World
from rehearsal.settings import load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.cloud")
    parser.add_argument("--world", type=int)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    world = World(load(parser.parse_args().world))
    control.install(world)
    logging.info("World %s, layers: %s", world.number, ", ".join(layers.install(world)))
    serve(world)


def serve(world: World) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(world)
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop that this handler interrupts, hence the thread.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    logging.info("Ready on %s", world.settings.api_url)
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    world.stop()


main()
