# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53's name servers, its health checks and a caching resolver: one process that follows the cloud.

Reading order: zone (what is served), route (which record set answers), answer (a question to a reply), wire (bytes),
authority and resolver (who listens), health (probes), feed (how the zone gets here).
"""
