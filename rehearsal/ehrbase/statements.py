# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of EHRs, compositions and templates; a write is one statement, so that it costs one round trip."""

CREATE_EHR = """
WITH e AS (
    INSERT INTO ehr.ehr (id, creation_date) VALUES ($1, $2)
), a AS (
    INSERT INTO ehr.audit_details (id, time_committed, target_type, change_type)
    VALUES ($3, $2, 'EHR_STATUS', 'creation')
), c AS (
    INSERT INTO ehr.contribution (id, ehr_id, contribution_type, has_audit) VALUES ($4, $1, 'ehr', $3)
), v AS (
    INSERT INTO ehr.ehr_status_version (ehr_id, vo_id, contribution_id, audit_id, sys_version, sys_period_lower)
    VALUES ($1, $5, $4, $3, 1, $2)
)
INSERT INTO ehr.ehr_status_data (ehr_id, num, data) VALUES ($1, 0, $6)
"""
FIND_EHR = """
SELECT e.creation_date, s.vo_id, s.sys_version
FROM ehr.ehr e LEFT JOIN ehr.ehr_status_version s ON s.ehr_id = e.id
WHERE e.id = $1
"""
CREATE_COMPOSITION = """
WITH a AS (
    INSERT INTO ehr.audit_details (id, time_committed, target_type, change_type)
    VALUES ($3, $2, 'COMPOSITION', 'creation')
), c AS (
    INSERT INTO ehr.contribution (id, ehr_id, contribution_type, has_audit) VALUES ($4, $5, 'composition', $3)
), v AS (
    INSERT INTO ehr.comp_version (vo_id, ehr_id, contribution_id, audit_id, sys_version, sys_period_lower, marker)
    VALUES ($1, $5, $4, $3, 1, $2, $6)
)
INSERT INTO ehr.comp_data (vo_id, num, data) VALUES ($1, 0, $7)
"""
LOCK_COMPOSITION = "SELECT sys_version FROM ehr.comp_version WHERE vo_id = $1 AND ehr_id = $2 FOR UPDATE"
# All parts see the rows as they were before the statement: the history gets the old data.
UPDATE_COMPOSITION = """
WITH h AS (
    INSERT INTO ehr.comp_version_history (
        vo_id, ehr_id, contribution_id, audit_id, sys_version, sys_period_lower,
        sys_period_upper, template_id, marker, ov_data
    )
    SELECT v.vo_id, v.ehr_id, v.contribution_id, v.audit_id, v.sys_version, v.sys_period_lower,
        $2, v.template_id, v.marker, d.data
    FROM ehr.comp_version v JOIN ehr.comp_data d ON d.vo_id = v.vo_id AND d.num = 0
    WHERE v.vo_id = $1
), a AS (
    INSERT INTO ehr.audit_details (id, time_committed, target_type, change_type)
    VALUES ($3, $2, 'COMPOSITION', 'modification')
), c AS (
    INSERT INTO ehr.contribution (id, ehr_id, contribution_type, has_audit) VALUES ($4, $5, 'composition', $3)
), v AS (
    UPDATE ehr.comp_version
    SET contribution_id = $4, audit_id = $3, sys_version = sys_version + 1, sys_period_lower = $2, marker = $6
    WHERE vo_id = $1
)
UPDATE ehr.comp_data SET data = $7 WHERE vo_id = $1 AND num = 0
"""
READ_CURRENT = """
SELECT v.sys_version, d.data
FROM ehr.comp_version v JOIN ehr.comp_data d ON d.vo_id = v.vo_id AND d.num = 0
WHERE v.vo_id = $1 AND v.ehr_id = $2
"""
READ_OLD = """
SELECT sys_version, ov_data AS data FROM ehr.comp_version_history WHERE vo_id = $1 AND ehr_id = $2 AND sys_version = $3
"""
FIND_MARKED = """
SELECT vo_id, sys_version, marker FROM ehr.comp_version WHERE marker = ANY($1)
UNION ALL
SELECT vo_id, sys_version, marker FROM ehr.comp_version_history WHERE marker = ANY($1)
"""
ADD_TEMPLATE = "INSERT INTO ehr.template_store (id, template_id, content, creation_time) VALUES ($1, $2, $3, $4)"
