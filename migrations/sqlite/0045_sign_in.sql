-- The ways in, and who runs the installation.

-- May everything everywhere since then: roles belong to a community, and this to none.
ALTER TABLE accounts ADD COLUMN operator_since INTEGER;

-- Opens a session once, for whoever was given it. Its row goes with its use.
CREATE TABLE sign_in_links (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    -- Whoever reads this table cannot sign in with it.
    secret_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_links_account_idx ON sign_in_links (account_id);
CREATE INDEX sign_in_links_expiry_idx ON sign_in_links (expires_at);

-- What a platform signed about somebody opens one session: kept for as long as it would open another.
CREATE TABLE sign_in_proofs (
    hash BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_proofs_expiry_idx ON sign_in_proofs (expires_at);
