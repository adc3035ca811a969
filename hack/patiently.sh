#!/usr/bin/env bash
# patiently.sh MESSAGE COMMAND...: runs a command that may take long, and says so
# at once and then every twenty seconds, so that nobody takes it for dead.
set -euo pipefail

message=$1
shift
echo "$message"
(
	trap 'kill "$sleeper" 2>/dev/null; exit' TERM
	while true; do
		sleep 20 &
		sleeper=$!
		wait "$sleeper"
		echo "  … still at it after $SECONDS s"
	done
) &
ticker=$!
trap 'kill "$ticker" 2>/dev/null || true; wait "$ticker" 2>/dev/null || true' EXIT
"$@"
