# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that write and read during the whole move: command, resolution, patients, log."""

from rehearsal.traffic.command import add_arguments, main

__all__ = ["add_arguments", "main"]
