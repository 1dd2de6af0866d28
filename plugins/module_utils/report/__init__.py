# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one playbook run.

recording  collects steps, waits, gates and figures, and gives the summary; pure
timeline   the picture: a row for the steps and rows for the waits of each host, as SVG
page       the page that a person reads, self-contained
files      where it is written: whole files or none, and the link to the latest
"""
