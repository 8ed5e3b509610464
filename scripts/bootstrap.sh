#!/bin/sh
# Makes .venv and installs ringline with everything its developers need.
# Needs Python 3.11 or newer with venv and headers, and gcc; as root on Debian or Ubuntu it installs those.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}

say() { printf '\033[1m%s\033[0m\n' "$*"; }

complete() {
    "$PYTHON" - <<'EOF'
import ensurepip, pathlib, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
EOF
}

if ! complete 2>/dev/null || ! command -v gcc >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing python3-venv, python3-dev and gcc"
        apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv python3-dev gcc libc6-dev
    fi
fi
if ! complete 2>/dev/null; then
    echo "Python 3.11 or newer with venv and headers is needed: apt-get install python3-venv python3-dev," >&2
    echo "or name another interpreter: PYTHON=/path/to/python3 make" >&2
    exit 1
fi

say "Creating .venv"
"$PYTHON" -m venv .venv
say "Installing dependencies (pinned, hashes checked)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
say "Building ringline"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch .venv/.ready
