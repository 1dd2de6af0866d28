# SPDX-License-Identifier: GPL-3.0-or-later
"""Give up root before a function's code is loaded.

The interpreter and its packages may lie where an ordinary user cannot read (below root's home). Then, and only then,
one right stays: to read files. Nothing can be written, signalled or opened with it that an ordinary user could not.
"""

from __future__ import annotations

import ctypes
import os
import struct
from importlib.util import find_spec

from rehearsal.processes import unprivileged

PR_SET_KEEPCAPS = 8
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 2


def give_up_root() -> None:
    """Become the world's unprivileged user; an ordinary user stays who it is."""
    account = unprivileged()
    if not account:
        return
    library = ctypes.CDLL(None, use_errno=True)
    needed = (os.__file__, find_spec("boto3").origin)
    library.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(account["group"])
    os.setuid(account["user"])
    os.environ["HOME"] = "/nonexistent"
    readable = all(os.access(path, os.R_OK) for path in needed)
    set_capabilities(library, 0 if readable else 1 << CAP_DAC_READ_SEARCH)


def set_capabilities(library: ctypes.CDLL, mask: int) -> None:
    """Keep these capabilities and no other; a container may not have them, then none is kept."""
    header = ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION_3, 0))
    for kept in (mask, 0):
        # Effective, permitted and inheritable sets, in two words of 32 bits.
        data = ctypes.create_string_buffer(struct.pack("6I", kept, kept, 0, 0, 0, 0))
        if library.capset(header, data) == 0:
            return
    raise OSError(ctypes.get_errno(), "capset")
