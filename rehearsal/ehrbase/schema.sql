-- SPDX-License-Identifier: GPL-3.0-or-later
-- EHRbase 2.x's table names with our own columns: a composition is one row of comp_data, so sizes are not EHRbase's.
-- Heads carry sys_period_lower, histories sys_period_upper and sys_deleted as well; times come from the application's clock.
-- `marker` is ours: clients write one to find a composition again whose acknowledgement they never saw.

CREATE TABLE ehr.ehr (
    id uuid PRIMARY KEY,
    creation_date timestamptz NOT NULL
);

CREATE TABLE ehr.users (
    id uuid PRIMARY KEY,
    username text NOT NULL UNIQUE
);

CREATE TABLE ehr.audit_details (
    id uuid PRIMARY KEY DEFAULT ext.uuid_generate_v4(),
    time_committed timestamptz NOT NULL,
    target_type text NOT NULL,
    change_type text NOT NULL,
    committer jsonb,
    description text,
    user_id uuid REFERENCES ehr.users
);

CREATE TABLE ehr.contribution (
    id uuid PRIMARY KEY DEFAULT ext.uuid_generate_v4(),
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    contribution_type text NOT NULL,
    has_audit uuid NOT NULL REFERENCES ehr.audit_details
);

CREATE TABLE ehr.template_store (
    id uuid PRIMARY KEY,
    template_id text NOT NULL UNIQUE,
    content text NOT NULL,
    creation_time timestamptz NOT NULL
);

CREATE TABLE ehr.comp_version (
    vo_id uuid PRIMARY KEY,
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL,
    template_id uuid REFERENCES ehr.template_store,
    marker text
);
CREATE INDEX comp_version_ehr_id_idx ON ehr.comp_version (ehr_id);
CREATE INDEX comp_version_marker_idx ON ehr.comp_version (marker);

CREATE TABLE ehr.comp_data (
    vo_id uuid NOT NULL REFERENCES ehr.comp_version ON DELETE CASCADE,
    num integer NOT NULL,
    rm_entity text NOT NULL DEFAULT 'COMPOSITION',
    data jsonb NOT NULL,
    PRIMARY KEY (vo_id, num)
);

CREATE TABLE ehr.comp_version_history (
    vo_id uuid NOT NULL,
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL,
    sys_period_upper timestamptz NOT NULL,
    sys_deleted boolean NOT NULL DEFAULT false,
    template_id uuid,
    marker text,
    ov_data jsonb,
    PRIMARY KEY (vo_id, sys_version)
);
CREATE INDEX comp_version_history_marker_idx ON ehr.comp_version_history (marker);

CREATE TABLE ehr.ehr_status_version (
    ehr_id uuid PRIMARY KEY REFERENCES ehr.ehr,
    vo_id uuid NOT NULL,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL
);

CREATE TABLE ehr.ehr_status_data (
    ehr_id uuid NOT NULL REFERENCES ehr.ehr_status_version ON DELETE CASCADE,
    num integer NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (ehr_id, num)
);

CREATE TABLE ehr.ehr_status_version_history (
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    vo_id uuid NOT NULL,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL,
    sys_period_upper timestamptz NOT NULL,
    sys_deleted boolean NOT NULL DEFAULT false,
    ov_data jsonb,
    PRIMARY KEY (ehr_id, sys_version)
);

CREATE TABLE ehr.ehr_folder_version (
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    ehr_folders_idx integer NOT NULL,
    vo_id uuid NOT NULL,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL,
    PRIMARY KEY (ehr_id, ehr_folders_idx)
);

CREATE TABLE ehr.ehr_folder_data (
    ehr_id uuid NOT NULL,
    ehr_folders_idx integer NOT NULL,
    num integer NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (ehr_id, ehr_folders_idx, num),
    FOREIGN KEY (ehr_id, ehr_folders_idx) REFERENCES ehr.ehr_folder_version ON DELETE CASCADE
);

CREATE TABLE ehr.ehr_folder_version_history (
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    ehr_folders_idx integer NOT NULL,
    vo_id uuid NOT NULL,
    contribution_id uuid NOT NULL REFERENCES ehr.contribution,
    audit_id uuid NOT NULL REFERENCES ehr.audit_details,
    sys_version integer NOT NULL,
    sys_period_lower timestamptz NOT NULL,
    sys_period_upper timestamptz NOT NULL,
    sys_deleted boolean NOT NULL DEFAULT false,
    ov_data jsonb,
    PRIMARY KEY (ehr_id, ehr_folders_idx, sys_version)
);

CREATE TABLE ehr.ehr_item_tag (
    id uuid PRIMARY KEY,
    ehr_id uuid NOT NULL REFERENCES ehr.ehr,
    target_vo_id uuid NOT NULL,
    target_type text NOT NULL,
    key text NOT NULL,
    value text,
    creation_date timestamptz NOT NULL,
    sys_period_lower timestamptz NOT NULL
);

CREATE TABLE ehr.stored_query (
    reverse_domain_name text NOT NULL,
    semantic_id text NOT NULL,
    semver text NOT NULL,
    query_text text NOT NULL,
    creation_date timestamptz NOT NULL,
    type text NOT NULL DEFAULT 'AQL',
    PRIMARY KEY (reverse_domain_name, semantic_id, semver)
);

CREATE TABLE ehr.plugin (
    id uuid PRIMARY KEY,
    pluginid text NOT NULL,
    key text NOT NULL,
    value text,
    UNIQUE (pluginid, key)
);
