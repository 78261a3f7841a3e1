#!/usr/bin/env bash
# fetch.sh VERSION: puts the jars of pom-VERSION.xml under .cache/oracle/VERSION,
# once. Needs Maven; prints nothing when the jars are there already.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1
dir=.cache/oracle/$version
pom=test/oracle/pom-$version.xml
if [ -f "$dir/.done" ] && cmp -s "$pom" "$dir/.done"; then
	exit 0
fi
echo "fetching the message classes of Apache Kafka $version ..." >&2
rm -rf "$dir" && mkdir -p "$dir"
for try in 1 2 3; do
	if mvn -q -B -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory="$PWD/$dir" >&2; then
		break
	fi
	[ "$try" = 3 ] && exit 1
	sleep 5
done
cp "$pom" "$dir/.done"
