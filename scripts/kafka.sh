#!/usr/bin/env bash
# kafka.sh: puts the pinned Apache Kafka under .cache/kafka/{4.4.0,tools-4.3.1},
# once. Prints nothing when it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."
for what in 4.4.0 tools-4.3.1; do
	dir=.cache/kafka/$what
	pom=test/kafka/pom-$what.xml
	if [ -f "$dir/.done" ] && cmp -s "$pom" "$dir/.done"; then
		continue
	fi
	command -v mvn >/dev/null || { echo "kafka.sh: Maven (mvn) is needed to fetch Apache Kafka $what" >&2; exit 1; }
	echo "fetching Apache Kafka $what ..."
	rm -rf "$dir" && mkdir -p "$dir"
	for try in 1 2 3; do
		if mvn -q -B -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory="$PWD/$dir/libs"; then
			break
		fi
		[ "$try" = 3 ] && exit 1
		sleep 5
	done
	cp "$pom" "$dir/.done"
done
