#!/usr/bin/env bash
# Walkthrough A, lines 1 to 7, for one node, as an operator types it. Runs in an
# empty directory: a.sh ARCHIVE BROKER_PORT CONTROLLER_PORT [JAVA_CLASSPATH]
set -euo pipefail
archive=$1 port=$2 cport=$3 cp=${4:-}
fail() { echo "FAILED: $*" >&2; [ -f "$home/logs/server.log" ] && tail -20 "$home/logs/server.log" >&2; exit 1; }
wait_for() { # wait_for SECONDS COMMAND...
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done
}

echo "# A.1: one archive, one folder, scripts run from any directory"
tar -xzf "$archive"
home=$PWD/$(tar -tzf "$archive" | sed -n '1s#/.*##p')
for d in bin config config/kraft; do [ -d "$home/$d" ] || fail "no $d in the archive"; done
for f in server broker controller; do [ -f "$home/config/kraft/$f.properties" ] || fail "no config/kraft/$f.properties"; done
"$home/bin/kafka-topics.sh" --version >/dev/null || fail "kafka-topics.sh --version"
(cd / && "$home/bin/kafka-topics.sh" --version >/dev/null) || fail "from another directory"
(cd "$home/bin" && ./kafka-storage.sh random-uuid >/dev/null) || fail "from bin"
ln -s "$home/bin/kafka-storage.sh" linked.sh && ./linked.sh random-uuid >/dev/null || fail "through a symbolic link"

echo "# A.3: the settings of server.properties"
sed -i "s#/tmp/kraft-combined-logs#$PWD/data1,$PWD/data2#; s/:9092/:$port/g; s/:9093/:$cport/g; s/@localhost:9093/@localhost:$cport/" "$home/config/kraft/server.properties"

echo "# A.4: random-uuid"
a=$("$home/bin/kafka-storage.sh" random-uuid) b=$("$home/bin/kafka-storage.sh" random-uuid)
[[ $a =~ ^[A-Za-z0-9_-]{22}$ ]] || fail "random-uuid printed $a"
[ "$a" != "$b" ] || fail "random-uuid printed $a twice"

echo "# A.5: format"
cd "$home/bin"
if ./kafka-server-start.sh ../config/kraft/server.properties >../unformatted.log 2>&1; then fail "an unformatted node started"; fi
grep -q "meta.properties" ../unformatted.log || fail "an unformatted node does not say what is missing: $(tail -3 ../unformatted.log)"
./kafka-storage.sh format -t gZzkfRm4T1y8wSAY-ZNG5Q -c ../config/kraft/server.properties >../format.log || fail "format: $(cat ../format.log)"
for d in data1 data2; do
	grep -q '^cluster.id=gZzkfRm4T1y8wSAY-ZNG5Q$' "$home/../$d/meta.properties" || fail "$d: cluster id"
	grep -q '^node.id=1$' "$home/../$d/meta.properties" || fail "$d: node id"
	grep -q '^version=1$' "$home/../$d/meta.properties" || fail "$d: version"
done
if ./kafka-storage.sh format -t gZzkfRm4T1y8wSAY-ZNG5Q -c ../config/kraft/server.properties >../again.log 2>&1; then fail "formatted twice"; fi
grep -q "already formatted" ../again.log || fail "formatting again says: $(cat ../again.log)"
./kafka-storage.sh format -t gZzkfRm4T1y8wSAY-ZNG5Q -c ../config/kraft/server.properties --ignore-formatted >/dev/null || fail "--ignore-formatted"

echo "# A.6: start as a daemon"
before=$SECONDS
KAFKA_HEAP_OPTS="-Xmx1G -Xms1G" KAFKA_OPTS="-Dx=y" JMX_PORT=9999 ./kafka-server-start.sh -daemon ../config/kraft/server.properties
[ $((SECONDS - before)) -le 2 ] || fail "-daemon did not return at once"
pattern='^\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}\] INFO \[KafkaRaftServer nodeId=1\] Kafka Server started \(kafka\.server\.KafkaRaftServer\)$'
wait_for 20 grep -qE "$pattern" ../logs/server.log || fail "server.log has no line 'Kafka Server started'"
wait_for 5 grep -qE "$pattern" ../logs/kafkaServer.out || fail "kafkaServer.out has no line 'Kafka Server started'"
pid=$(ps ax | grep ' kafka\.Kafka ' | grep java | grep "$home" | grep -v grep | awk '{print $1}')
[ -n "$pid" ] || fail "ps does not show kafka.Kafka: $(ps ax | grep kafka.Kafka)"
trap 'kill -9 $pid 2>/dev/null || true' EXIT

echo "# A.7: the metadata log"
ls "$home/../data1/__cluster_metadata-0/"*.log >/dev/null || fail "no metadata log"
ls "$home/../data1/__cluster_metadata-0/"*.index >/dev/null || fail "no index of the metadata log"

echo "# a topic, a producer, a consumer"
at=localhost:$port
./kafka-topics.sh --bootstrap-server $at --create --topic erdan --partitions 2 --replication-factor 1 | grep -q 'Created topic erdan.' || fail "create"
./kafka-topics.sh --bootstrap-server $at --list | grep -qx erdan || fail "list"
./kafka-topics.sh --bootstrap-server $at --describe --topic erdan | grep -q 'PartitionCount: 2' || fail "describe"
if ./kafka-topics.sh --bootstrap-server $at --create --topic erdan3 --replication-factor 3 >../rf.log 2>&1; then fail "replication factor 3 on one broker"; fi
grep -q 'InvalidReplicationFactorException' ../rf.log || fail "replication factor 3: $(cat ../rf.log)"
printf 'one\ntwo\nthree\n' | ./kafka-console-producer.sh --bootstrap-server $at --topic erdan || fail "console producer"
got=$(./kafka-console-consumer.sh --bootstrap-server $at --topic erdan --from-beginning --max-messages 3 --timeout-ms 15000 2>/dev/null | sort | tr '\n' ' ')
[ "$got" = "one three two " ] || fail "console consumer printed $got"
if [ -n "$cp" ]; then
	printf 'uno\ndos\n' | java -Xmx128m -cp "$cp" org.apache.kafka.tools.ConsoleProducer --bootstrap-server $at --topic erdan 2>/dev/null || fail "Java console producer"
	got=$(java -Xmx128m -cp "$cp" org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server $at --topic erdan --from-beginning --max-messages 5 --timeout-ms 20000 2>/dev/null | sort | tr '\n' ' ')
	[ "$got" = "dos one three two uno " ] || fail "Java console consumer printed $got"
fi

echo "# stop"
./kafka-server-stop.sh >/dev/null || fail "kafka-server-stop.sh"
wait_for 20 sh -c "! kill -0 $pid" || fail "the server did not stop"
trap - EXIT
[ -f "$home/../data1/.kafka_cleanshutdown" ] || fail "no clean shutdown"
if ./kafka-server-stop.sh >../stop.log; then fail "stopping nothing succeeds"; fi
grep -q 'No kafka server to stop' ../stop.log || fail "stopping nothing says: $(cat ../stop.log)"

echo "# a node of another cluster is refused"
sed -i 's/^cluster.id=.*/cluster.id=AAAAAAAAAAAAAAAAAAAAAA/' "$home/../data2/meta.properties"
if ./kafka-server-start.sh ../config/kraft/server.properties >../other.log 2>&1; then fail "directories of two clusters"; fi
grep -qi 'cluster' ../other.log || fail "directories of two clusters: $(tail -3 ../other.log)"
echo "walkthrough A passed"
