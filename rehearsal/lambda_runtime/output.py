# SPDX-License-Identifier: GPL-3.0-or-later
"""What a function prints and logs, kept for its answer: the cloud puts it into the function's log group."""

from __future__ import annotations

import io
import logging
import sys
import time


class Output(io.TextIOBase):
    """Stands in for standard output and error of the function."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.request_id = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._parts.append(text)
        return len(text)

    def take(self) -> str:
        """All that was written since the last time."""
        text, self._parts = "".join(self._parts), []
        return text


class Lines(logging.Formatter):
    """Lambda's own form of a log line."""

    converter = time.gmtime

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = f"[{record.levelname}]\t{moment}.{int(record.msecs):03d}Z\t{self._output.request_id}\t"
        text += record.getMessage()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def capture() -> Output:
    """Send everything that the function says into one place."""
    output = Output()
    sys.stdout = sys.stderr = output
    handler = logging.StreamHandler(output)
    handler.setFormatter(Lines(output))
    logging.getLogger().addHandler(handler)
    return output
