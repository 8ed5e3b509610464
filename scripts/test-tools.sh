#!/bin/sh
# Independent SIP phones for the tests: installed when that is allowed, otherwise their tests are skipped.
set -u
missing=""
command -v sipp >/dev/null || missing="$missing sip-tester"
command -v baresip >/dev/null || missing="$missing baresip-core"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing for the tests"
    { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; } >/dev/null 2>&1 && exit 0
fi
echo "Tests with other SIP stacks will be skipped. To run them: apt-get install$missing"
