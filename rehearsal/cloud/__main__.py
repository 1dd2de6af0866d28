# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud process of a world: python -m rehearsal.cloud --world W."""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import signal
import threading

from rehearsal import fork_server
from rehearsal.cloud import control, layers
from rehearsal.cloud.checkpoints import Checkpoints
from rehearsal.cloud.server import Server
from rehearsal.cloud.world_state import World
from rehearsal.settings import load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.cloud")
    parser.add_argument("--world", type=int)
    # A crash of the interpreter says where it was, into the log.
    faulthandler.enable()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    settings = load(parser.parse_args().world)
    fork_server.begin(settings)
    world = World(settings)
    control.install(world)
    checkpoints = Checkpoints(world)
    checkpoints.install()
    logging.info("World %s, layers: %s", world.number, ", ".join(layers.install(world)))
    serve(world, checkpoints)


def serve(world: World, checkpoints: Checkpoints) -> None:
    """Serve until SIGTERM or SIGINT, with a pause for each copy that is asked for."""
    while True:
        # What is there stays: a collection need not look at it, nor copy its pages in a process that was woken.
        gc.freeze()
        server = Server(world)
        # shutdown() waits for the loop that the signal's handler interrupts, hence the thread.
        checkpoints.pause = end = server.shutdown
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, end=end: threading.Thread(target=end, daemon=True).start())
        logging.info("Ready on %s", world.settings.api_url)
        server.serve_forever(poll_interval=0.2)
        server.server_close()
        if not checkpoints.wanted:
            break
        checkpoints.keep()
    world.stop()


main()
