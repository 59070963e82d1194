# Shortcuts for the commands of the README: `just` lists them.

_list:
    @just --list

# Start LOCKDOWN in one process
run:
    cargo run --release

# Everything that must hold before a change lands
ci: check test

# Format, lints, docs, directions, golden and generated files, licences
check:
    cargo xtask check

# Obtain Redis and Postgres and run the tests; a word narrows them to tests with it in their name
test *FILTERS:
    cargo xtask test {{FILTERS}}

# Which lines the tests reach: `just coverage -p lockdown-store` for one crate
coverage *ARGS:
    cargo xtask coverage {{ARGS}}

# Measure, each figure beside its goal
bench *NAME:
    cargo xtask bench {{NAME}}

# Kill what runs, and account for what was promised: `just chaos bus --rounds 200`
chaos *ARGS:
    cargo xtask chaos {{ARGS}}

# Try random input until something breaks
fuzz *ARGS:
    cargo xtask fuzz {{ARGS}}

# Write the files that are made from the code
generate:
    cargo xtask generate

# Format the code
fmt:
    cargo fmt --all

# Known faults in what we link (asks the network)
audit:
    cargo deny check advisories

# The fleet, with the bots whose tokens are in .env
up *PROFILES:
    docker compose {{PROFILES}} up --build --detach --wait
