#!/usr/bin/env bash
# bench.sh: gregor, Apache Kafka and the floor in turn. The run happens in a
# network namespace of its own whose loopback routes name the congestion control,
# so that the sockets a server accepts have it too (needs root; without it the
# run says so and servers use the machine's default).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/kafka.sh
go build -trimpath -o bin/floor ./bench/floor
go build -trimpath -o bin/bench ./bench
mkdir -p docs/bench
args=(-root . "$@")
ns=gregor-bench-$$
if [ "$(id -u)" = 0 ] && ip netns add "$ns" 2>/dev/null; then
	trap 'ip netns del "$ns"' EXIT
	ip netns exec "$ns" ip link set lo up
	for net in 127.0.0.0/8 127.0.0.1; do
		ip -n "$ns" route replace local $net dev lo proto kernel scope host src 127.0.0.1 table local congctl cubic
	done
	ip netns exec "$ns" bin/bench "${args[@]}"
else
	echo "not root: servers use $(sysctl -n net.ipv4.tcp_congestion_control)" >&2
	bin/bench "${args[@]}"
fi
