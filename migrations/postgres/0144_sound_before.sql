-- What was there before is as sound.

ALTER TABLE cases VALIDATE CONSTRAINT cases_sound;
ALTER TABLE case_events VALIDATE CONSTRAINT case_events_sound;
ALTER TABLE sanctions VALIDATE CONSTRAINT sanctions_sound;
ALTER TABLE audit_log VALIDATE CONSTRAINT audit_log_sound;
ALTER TABLE audit_pii VALIDATE CONSTRAINT audit_pii_sound;
