-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the schema `ext` holds: the extension behind two column defaults of `ehr`.
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" SCHEMA ext;
