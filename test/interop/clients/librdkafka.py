"""librdkafka through confluent-kafka: everything an application does, against one bootstrap address.

Prints one line per check; ends with an exception, and a non-zero status, at the first that fails.
"""
import sys
import time
import uuid

from confluent_kafka import (Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition,
                             TIMESTAMP_CREATE_TIME, OFFSET_BEGINNING)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec, ResourceType)

addr = sys.argv[1]
tag = uuid.uuid4().hex[:8]
admin = AdminClient({"bootstrap.servers": addr})


clock = int(time.time() * 1000) - 3600000


def ok(what):
    print("ok", what, flush=True)


def wait(futures, timeout=30):
    return {k: f.result(timeout) for k, f in futures.items()}


def produce_all(topic, conf, n=200, partition=None):
    errors = []
    p = Producer({"bootstrap.servers": addr, "linger.ms": 5, **conf})
    global clock
    base = clock = clock + 10000  # later than all calls before
    for i in range(n):
        kw = {} if partition is None else {"partition": partition}
        p.produce(topic, key=f"k{i}".encode(), value=(f"value-{i}-" * 20).encode(), headers=[("h", str(i).encode()), ("null", None)],
                  timestamp=base + i, on_delivery=lambda e, m: errors.append(e) if e else None, **kw)
    assert p.flush(30) == 0, "messages left in the queue"
    assert not errors, errors
    return base


def consume(topic, n, group=None, start=OFFSET_BEGINNING, partition=0, timeout=30):
    c = Consumer({"bootstrap.servers": addr, "group.id": group or "g-" + uuid.uuid4().hex, "auto.offset.reset": "earliest",
                  "enable.auto.commit": False, "check.crcs": True})
    if group:
        c.subscribe([topic])
    else:
        c.assign([TopicPartition(topic, partition, start)])
    out, end = [], time.time() + timeout
    while len(out) < n and time.time() < end:
        m = c.poll(0.5)
        if m is None:
            continue
        if m.error():
            raise KafkaException(m.error())
        out.append(m)
    assert len(out) >= n, f"{len(out)} of {n} messages of {topic}"
    return c, out


topics = {c: f"rdk-{c}-{tag}" for c in ("none", "gzip", "snappy", "lz4", "zstd")}
wait(admin.create_topics([NewTopic(t, 1, 1) for t in topics.values()]))
ok("create topics")

for codec, topic in topics.items():
    for acks in ("all", "1", "0"):
        base = produce_all(topic, {"compression.type": codec, "acks": acks})
    produce_all(topic, {"compression.type": codec, "enable.idempotence": True})
    c, got = consume(topic, 4 * 200 if codec != "none" else 600)
    c.close()
    keys = [m.key() for m in got]
    assert keys[:200] == [f"k{i}".encode() for i in range(200)], keys[:5]
    assert [m.offset() for m in got] == list(range(len(got)))
    m = got[7]
    assert m.value() == b"value-7-" * 20 and m.headers() == [("h", b"7"), ("null", None)]
    assert m.timestamp()[0] == TIMESTAMP_CREATE_TIME
    ok(f"produce and consume, {codec}, acks 0, 1, all and idempotent")

plain = topics["lz4"]
base = produce_all(plain, {"acks": "all"}, 100)
c, got = consume(plain, 10, start=105)
assert got[0].offset() == 105
c.close()
ok("consume from an offset")

c = Consumer({"bootstrap.servers": addr, "group.id": "t"})
tp = c.offsets_for_times([TopicPartition(plain, 0, base + 50)], timeout=10)[0]
low, high = c.get_watermark_offsets(TopicPartition(plain, 0), timeout=10)
c.close()
assert low == 0 and high == 900, (low, high)
assert tp.offset == 850, tp.offset
ok("consume from a time; watermarks")

group = "rdk-group-" + tag
many = "rdk-many-" + tag
wait(admin.create_topics([NewTopic(many, 4, 1, config={"retention.ms": "3600000", "compression.type": "zstd"})]))
produce_all(many, {}, 400)
c1, got = consume(many, 400, group=group)
c1.commit(asynchronous=False)
committed = c1.committed([TopicPartition(many, p) for p in range(4)], timeout=10)
assert sum(t.offset for t in committed) == 400, committed
produce_all(many, {}, 40)
c2 = Consumer({"bootstrap.servers": addr, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
c2.subscribe([many])
end, seen = time.time() + 40, set()
while time.time() < end and not (c1.assignment() and c2.assignment() and len(c1.assignment()) == 2 and len(c2.assignment()) == 2):
    for c in (c1, c2):
        m = c.poll(0.2)
        if m and not m.error():
            seen.add((m.partition(), m.offset()))
assert len(c1.assignment()) == 2 and len(c2.assignment()) == 2, "two members share four partitions"
while time.time() < end and len(seen) < 40:
    for c in (c1, c2):
        m = c.poll(0.2)
        if m and not m.error():
            seen.add((m.partition(), m.offset()))
assert len(seen) >= 40, len(seen)
ok("group: commit, rebalance between two members")

desc = wait(admin.describe_consumer_groups([group]))[group]
assert desc.state.name in ("STABLE", "PREPARING_REBALANCING", "COMPLETING_REBALANCING") and len(desc.members) == 2, (desc.state, desc.members)
assert group in [g.group_id for g in admin.list_consumer_groups().result(10).valid]
c1.close()
c2.close()
offs = wait(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
assert sum(t.offset for t in offs.topic_partitions) >= 400
wait(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(many, 0, 5)])]))
wait(admin.delete_consumer_groups([group]))
ok("admin: describe, list, alter and delete groups")

md = admin.list_topics(timeout=10)
assert set(topics.values()) <= set(md.topics) and len(md.topics[many].partitions) == 4
assert len(md.brokers) >= 1 and md.cluster_id
wait(admin.create_partitions([NewPartitions(many, 6)]))
res = ConfigResource(ResourceType.TOPIC, many)
conf = wait(admin.describe_configs([res]))[res]
assert conf["retention.ms"].value == "3600000" and not conf["retention.ms"].is_default and conf["segment.bytes"].is_default
wait(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, many, incremental_configs=[
    ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET),
    ConfigEntry("compression.type", None, incremental_operation=AlterConfigOpType.DELETE)])]))
for _ in range(50):
    conf = wait(admin.describe_configs([res]))[res]
    if conf["retention.ms"].value == "7200000":
        break
    time.sleep(0.1)
assert conf["retention.ms"].value == "7200000" and conf["compression.type"].value == "producer"
ok("admin: metadata, partitions, configs")

got = wait(admin.list_offsets({TopicPartition(many, p): OffsetSpec.latest() for p in range(4)}))
assert sum(r.offset for r in got.values()) == 440
wait(admin.delete_records([TopicPartition(many, 0, 3)]))
got = wait(admin.list_offsets({TopicPartition(many, 0): OffsetSpec.earliest()}))
assert list(got.values())[0].offset == 3
d = admin.describe_cluster().result(10)
assert d.controller is not None and len(d.nodes) >= 1
wait(admin.describe_topics(__import__("confluent_kafka").TopicCollection([many])))
wait(admin.delete_topics(list(topics.values()) + [many]))
for _ in range(100):
    left = set(admin.list_topics(timeout=10).topics) & (set(topics.values()) | {many})
    if not left:
        break
    time.sleep(0.1)
assert not left, left
ok("admin: offsets, delete records, cluster, delete topics")

try:
    wait(admin.create_topics([NewTopic("bad name!", 1, 1)]))
    raise AssertionError("a bad name was accepted")
except KafkaException as e:
    assert e.args[0].name() == "TOPIC_EXCEPTION", e
try:
    wait(admin.create_topics([NewTopic("rf-" + tag, 1, 3)]))
    raise AssertionError("replication factor 3 was accepted by one broker")
except KafkaException as e:
    assert e.args[0].name() == "INVALID_REPLICATION_FACTOR", e
ok("refusals")
