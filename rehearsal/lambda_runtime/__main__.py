# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker: python -m rehearsal.lambda_runtime --descriptor N --folder F; everything else is in the environment."""

from __future__ import annotations

import argparse
import os
import sys

from rehearsal.lambda_runtime import handlers, output, privileges
from rehearsal.lambda_runtime.link import Link


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.lambda_runtime")
    parser.add_argument("--descriptor", type=int, required=True, help="the open socket to the cloud")
    parser.add_argument("--folder", required=True, help="where the function's code lies")
    args = parser.parse_args()
    # Before any other thread: rights are a thread's own.
    privileges.give_up_root()
    link = Link(args.descriptor)
    said = output.capture()
    os.chdir(args.folder)
    sys.path.insert(0, args.folder)
    try:
        handler = handlers.load_handler(os.environ["_HANDLER"])
    except BaseException as problem:
        link.send({"error": handlers.describe_error(problem), "log": said.take()})
        return
    link.send({"ready": True, "log": said.take()})
    for invocation in link.invocations():
        said.request_id = invocation["request_id"]
        answer = handlers.answer(handler, invocation)
        link.send({"request_id": said.request_id, "log": said.take(), **answer})


main()
