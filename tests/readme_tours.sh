#!/bin/sh
# Runs the README's tours, verbatim, against a demo of its own: a free port and an empty data directory. Fails when a command fails, when
# an answer has errors, or when a block prints nothing where the README shows output.
#
# Needs cargo and curl. Usage: tests/readme_tours.sh [README]; README_TOURS_OUTPUT=DIRECTORY keeps what each block printed.
set -eu
cd "$(dirname "$0")/.."
readme=${1:-README.md}
work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

cargo build --release --quiet
PARVANDEH_DATA_DIRECTORY=$work/data
export PARVANDEH_DATA_DIRECTORY
PARVANDEH_LISTEN=127.0.0.1:0 cargo run --release --quiet -- serve --demo >"$work/greeting" 2>"$work/server.log" &
server=$!
for _ in $(seq 120); do
    address=$(sed -n 's#.*http://\(.*\)/graphql$#\1#p' "$work/greeting")
    if [ -n "$address" ]; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then cat "$work/server.log" >&2; exit 1; fi
    sleep 0.5
done

# One script of all blocks, because variables live on from one to the next. Each block writes to a file of its own.
awk -v work="$work" '
    /^<!-- tours -->/ { inside = 1 }
    /^<!-- end of tours -->/ { inside = 0 }
    !inside { next }
    /^```sh$/ { block++; print "{"; code = 1; next }
    /^```[a-z]+$/ { print block > (work "/shown"); shown = 1; next }
    /^```$/ && code { print "} >" work "/output." block " 2>&1"; code = 0; next }
    /^```$/ { shown = 0; next }
    code { print }
' "$readme" | sed "s/127\.0\.0\.1:8080/$address/g" >"$work/tours"

if ! sh -eu "$work/tours"; then
    echo "A command of the README failed; what its block had printed:" >&2
    cat "$(ls -t "$work"/output.* | head -n 1)" >&2
    exit 1
fi
failed=0
for block in $(cat "$work/shown"); do
    output=$work/output.$block
    if [ ! -s "$output" ] || grep -qE '"errors":|"userErrors":\[\{|^parvandeh: ' "$output"; then
        echo "Block $block of the README's tours does not print what it should, but:" >&2
        cat "$output" >&2
        failed=1
    fi
done
if [ -n "${README_TOURS_OUTPUT:-}" ]; then cp "$work"/output.* "$README_TOURS_OUTPUT"; fi
if [ "$failed" = 0 ]; then echo "The README's tours run: $(wc -l <"$work/shown") answers checked."; fi
exit "$failed"
