# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane of the stand-in databases: one real PostgreSQL per instance, its snapshots and its replicas."""
