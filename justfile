# The commands that one types most. `just` lists them.

default:
    @just --list

# Start the demo.
demo:
    cargo run --release -- serve --demo

# Run all tests.
test:
    cargo test --workspace

# Everything that must hold before a change lands.
check:
    .ci/run

# Write the published contracts after a meant change.
schema:
    cargo run -- schema

# Run the benchmarks.
bench:
    cargo bench

# Kill the whole system fifty times under 64 writers.
crash:
    PARVANDEH_KILL_ROUNDS=50 cargo test --release --test integration durability -- --nocapture

# Ten minutes of kills, full disks, clock steps and failing clusters under mixed load. A small disk needs the rights to mount, clock steps
# libfaketime.
faults:
    PARVANDEH_FAULT_SECONDS=600 cargo test --release --test integration faults:: -- --nocapture --test-threads 1
    PARVANDEH_FAULT_SECONDS=60 cargo test --release --test integration money::ledger -- --nocapture
