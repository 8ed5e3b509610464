#!/bin/sh
# Runs pytest with the given options; what failed is run once more, alone. Sound is measured in real time, and a
# machine that was busy with something else for a moment has not found a bug; a bug fails twice.
set -u
cd "$(dirname "$0")/.."
.venv/bin/pytest -q "$@" && exit 0
status=$?
[ $status -eq 1 ] || exit $status
echo "Running what failed once more, alone"
exec .venv/bin/pytest -q --last-failed --last-failed-no-failures none "$@" -n 0
