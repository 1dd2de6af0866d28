# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of one region as one object.

Reading order: `wanted` (what the options ask for), `reads` (what EC2 lists), `present` (the same, by our keys), `plan`
(the difference as ordered actions, and the diff), `apply` (the actions, carried out). Everything but `reads` and
`apply` takes values and returns values.

A key names a part of the network for good, whatever id EC2 gives it: `vpc`, `subnet:public:<zone>`,
`subnet:private:<zone>`, `gateway`, `address:<zone>`, `nat:<zone>`, `table:public`, `table:private:<number>`,
`endpoint:s3`, `group:alb`, `group:ecs`, `group:rds`.
"""
