-- The ways in, and who runs the installation.

-- May everything everywhere since then: roles belong to a community, and this to none.
ALTER TABLE accounts ADD COLUMN operator_since TIMESTAMPTZ;

-- Opens a session once, for whoever was given it. Its row goes with its use.
CREATE TABLE sign_in_links (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id),
    -- Whoever reads this table cannot sign in with it.
    secret_hash BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_links_account_idx ON sign_in_links (account_id);
CREATE INDEX sign_in_links_expiry_idx ON sign_in_links (expires_at);

-- What a platform signed about somebody opens one session: kept for as long as it would open another.
CREATE TABLE sign_in_proofs (
    hash BYTEA NOT NULL PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_proofs_expiry_idx ON sign_in_proofs (expires_at);
