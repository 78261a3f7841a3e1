#!/usr/bin/env bash
# python.sh: puts the pinned Python clients (librdkafka by its wheel, kafka-python)
# under .cache/python, once.
set -euo pipefail
cd "$(dirname "$0")/.."
want="confluent-kafka==2.12.1 kafka-python==2.2.15"
if [ -f .cache/python/.done ] && [ "$(cat .cache/python/.done)" = "$want" ]; then
	exit 0
fi
rm -rf .cache/python && mkdir -p .cache/python
# shellcheck disable=SC2086
python3 -m pip install --quiet --target .cache/python/lib $want
echo "$want" >.cache/python/.done
