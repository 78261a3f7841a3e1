#!/usr/bin/env bash
# The rules of the house: gofmt, vet, the lint package, staticcheck.
set -euo pipefail
cd "$(dirname "$0")/.."
unformatted=$(gofmt -l cmd internal test bench 2>/dev/null || true)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" "- run: gofmt -w FILE"
	exit 1
fi
go vet ./...
go test ./internal/lint
if [ -f tools/go.mod ]; then
	go tool -modfile=tools/go.mod staticcheck ./...
fi
