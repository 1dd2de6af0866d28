# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a rehearsal: one HTML file that needs nothing else. Charts are SVG made from values."""

from rehearsal.page.document import build_page

__all__ = ["build_page"]
