#!/usr/bin/env bash
# dist.sh VERSION LDFLAGS: one archive per architecture, which unpacks to one folder.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 ldflags=$2
rm -rf dist && mkdir -p dist
for arch in ${ARCHES:-amd64 arm64}; do
	name=gregor-$version-linux-$arch
	mkdir -p "dist/$name/bin"
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags "$ldflags" -o "dist/$name/bin/gregor" ./cmd/gregor
	cp bin/*.sh "dist/$name/bin/"
	cp -r config LICENSE README.md CHANGELOG.md "dist/$name/"
	mkdir -p "dist/$name/docs" && cp docs/*.md "dist/$name/docs/"
	tar -C dist -czf "dist/$name.tar.gz" --owner=0 --group=0 --sort=name "$name"
	rm -rf "dist/$name"
	echo "dist/$name.tar.gz ($(du -h "dist/$name.tar.gz" | cut -f1))"
done
