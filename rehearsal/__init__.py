# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud on loopback in which the whole move is rehearsed: AWS's API and the machines behind it."""
