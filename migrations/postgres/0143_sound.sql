-- Postgres reads the `CHECK`s of a table anew with each statement that writes to it, which for a list of words takes longer
-- than the row. A function it reads once for each connection: of the tables that a case writes to, one says what is sound.

CREATE FUNCTION cases_sound(number BIGINT, kind TEXT, state TEXT, origin TEXT, lift TEXT) RETURNS BOOLEAN
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN number > 0
        AND kind IN ('ban', 'unban', 'kick', 'mute', 'unmute', 'warn', 'unwarn', 'note', 'softban')
        AND state IN ('requested', 'applied', 'failed', 'lifted', 'superseded', 'voided')
        AND origin IN ('command', 'api', 'automod', 'native', 'appeal', 'expiry', 'outside')
        AND (lift IS NULL OR lift IN ('expired', 'revoked'));
END
$$;
CREATE FUNCTION case_events_sound(kind TEXT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN kind IN ('opened', 'applied', 'failed', 'lifted', 'superseded', 'voided', 'edited', 'noted', 'reviewed');
END
$$;
CREATE FUNCTION sanctions_sound(kind TEXT, state TEXT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN kind IN ('ban', 'mute')
        AND state IN ('live', 'expired', 'lifted', 'superseded', 'failed');
END
$$;
CREATE FUNCTION audit_log_sound(seq BIGINT, actor_kind TEXT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN seq > 0
        AND actor_kind IN ('person', 'rule', 'token', 'system');
END
$$;
CREATE FUNCTION audit_pii_sound(salt BYTEA, pii TEXT, erased_at TIMESTAMPTZ) RETURNS BOOLEAN
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (erased_at IS NULL) = (salt IS NOT NULL AND pii IS NOT NULL);
END
$$;

-- In the order in which whoever opens a case comes to them: the previous release may run.
LOCK TABLE guilds, identities, cases, case_events, sanctions, audit_log, audit_pii, outbox IN ACCESS EXCLUSIVE MODE;

ALTER TABLE cases
    DROP CONSTRAINT cases_number_check,
    DROP CONSTRAINT cases_kind_check,
    DROP CONSTRAINT cases_state_check,
    DROP CONSTRAINT cases_origin_check,
    DROP CONSTRAINT cases_lift_check,
    ADD CONSTRAINT cases_sound CHECK (cases_sound(number, kind, state, origin, lift)) NOT VALID;
ALTER TABLE case_events
    DROP CONSTRAINT case_events_kind_check,
    ADD CONSTRAINT case_events_sound CHECK (case_events_sound(kind)) NOT VALID;
ALTER TABLE sanctions
    DROP CONSTRAINT sanctions_kind_check,
    DROP CONSTRAINT sanctions_state_check,
    ADD CONSTRAINT sanctions_sound CHECK (sanctions_sound(kind, state)) NOT VALID;
ALTER TABLE audit_log
    DROP CONSTRAINT audit_log_seq_check,
    DROP CONSTRAINT audit_log_actor_kind_check,
    ADD CONSTRAINT audit_log_sound CHECK (audit_log_sound(seq, actor_kind)) NOT VALID;
ALTER TABLE audit_pii
    DROP CONSTRAINT audit_pii_check,
    ADD CONSTRAINT audit_pii_sound CHECK (audit_pii_sound(salt, pii, erased_at)) NOT VALID;

-- Each reference is a query of its own. A case refers to its guild and its people; what is written with it, in the same
-- transaction, names them again or names the case, and none of these is ever deleted. The embedded engine still looks them
-- up, so that no test writes what does not hold.
ALTER TABLE case_events DROP CONSTRAINT case_events_case_id_fkey;
ALTER TABLE sanctions
    DROP CONSTRAINT sanctions_case_id_fkey,
    DROP CONSTRAINT sanctions_guild_id_fkey,
    DROP CONSTRAINT sanctions_subject_id_fkey;
ALTER TABLE audit_log DROP CONSTRAINT audit_log_guild_id_fkey;
ALTER TABLE audit_pii DROP CONSTRAINT audit_pii_guild_id_seq_fkey;
ALTER TABLE outbox DROP CONSTRAINT outbox_guild_id_fkey;

-- Nobody asks for entries by what they were done to.
DROP INDEX audit_log_subject_idx;
