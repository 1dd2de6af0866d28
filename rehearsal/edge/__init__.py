# SPDX-License-Identifier: GPL-3.0-or-later
"""The balancers of a world: TLS, health checks and forwarding for real, as the cloud describes them.

Reading order: model (what the cloud says), health (verdicts), targets (choice), proxy (one request), listeners
(sockets), link (talk with the cloud).
"""
