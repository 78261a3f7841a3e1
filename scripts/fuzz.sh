#!/usr/bin/env bash
# fuzz.sh TIME: every fuzz target of the project, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
grep -rnoE '^func (Fuzz[A-Za-z0-9_]+)' --include='*_test.go' internal | while IFS=: read -r file _ match; do
	target=${match#func }
	echo "== $target ($(dirname "$file")) for $time"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x -parallel 2
done
