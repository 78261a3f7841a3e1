#!/usr/bin/env bash
# Everything that proves the product. With Go alone it runs what needs only Go
# and says what it left out; with CI=true a missing tool is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
failed=() skipped=()
step() {
	local name=$1
	shift
	local start=$SECONDS
	echo "==> $name"
	if "$@"; then
		echo "--- ok: $name ($((SECONDS - start)) s)"
	else
		echo "--- FAILED: $name ($((SECONDS - start)) s)"
		failed+=("$name")
	fi
}
without() {
	echo "!!! NOT TESTED: $1: $2"
	if [ "${CI:-}" = true ]; then failed+=("$1 ($2)"); else skipped+=("$1"); fi
}

step "build" make -s build
step "lint" scripts/lint.sh
step "unit tests" go test -tags invariants ./internal/... ./cmd/...

if command -v java >/dev/null && command -v mvn >/dev/null; then
	step "Apache Kafka, pinned" scripts/kafka.sh
	have_java=1
else
	without "everything beside Apache Kafka" "a JDK 17 or newer and Maven are missing"
	have_java=
fi
if command -v python3 >/dev/null; then
	step "Python clients, pinned" scripts/python.sh
else
	without "librdkafka and kafka-python" "Python 3 is missing"
fi
step "tests with other people's clients and servers" go test -p 1 -timeout 40m ./test/...

echo
for s in ${skipped[@]+"${skipped[@]}"}; do echo "not tested: $s"; done
for f in ${failed[@]+"${failed[@]}"}; do echo "failed: $f"; done
[ ${#failed[@]} -eq 0 ] && echo "all tests passed"
exit ${#failed[@]}
