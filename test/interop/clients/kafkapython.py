"""kafka-python against one bootstrap address: produce, consume, groups, admin."""
import sys
import time
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

addr = sys.argv[1]
tag = uuid.uuid4().hex[:8]
admin = KafkaAdminClient(bootstrap_servers=addr)


def ok(what):
    print("ok", what, flush=True)


topic = "kp-" + tag
admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "1000000"})])
ok("create a topic")

sent = 0
base = int(time.time() * 1000)
for codec in (None, "gzip"):
    for acks in ("all", 1):  # its acks=0 drops what close() finds unsent, against Apache Kafka too
        p = KafkaProducer(bootstrap_servers=addr, acks=acks, compression_type=codec, linger_ms=5)
        futures = [p.send(topic, key=b"k%d" % i, value=b"v%d" % i * 30, headers=[("h", b"x")], timestamp_ms=base + sent + i, partition=0) for i in range(50)]
        p.flush(30)
        for f in futures:
            f.get(timeout=30)
        sent += 50
        p.close()
ok("produce, two codecs, acks 1, all")

c = KafkaConsumer(bootstrap_servers=addr, group_id=None, auto_offset_reset="earliest", consumer_timeout_ms=15000)
tp = TopicPartition(topic, 0)
c.assign([tp])
c.seek_to_beginning(tp)
got = []
for m in c:
    got.append(m)
    if len(got) == sent:
        break
assert [m.offset for m in got] == list(range(sent)), len(got)
assert got[3].key == b"k3" and got[3].headers == [("h", b"x")] and got[3].timestamp == base + 3
assert c.end_offsets([tp])[tp] == sent and c.beginning_offsets([tp])[tp] == 0
t = c.offsets_for_times({tp: base + 100})[tp]
assert t.offset == 100, t
c.seek(tp, 120)
assert next(c).offset == 120
c.close()
ok("consume from the start, an offset and a time")

group = "kp-group-" + tag
c = KafkaConsumer(topic, bootstrap_servers=addr, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, consumer_timeout_ms=20000)
n = 0
for m in c:
    n += 1
    if n == sent:
        break
assert n == sent
c.commit()
assert c.committed(tp) == sent
c.close()
offsets = admin.list_consumer_group_offsets(group)
assert offsets[tp].offset == sent, offsets
assert any(g[0] == group for g in admin.list_consumer_groups())
d = admin.describe_consumer_groups([group])[0]
assert d.state == "Empty", d
admin.delete_consumer_groups([group])
ok("group: consume, commit, describe, delete")

admin.create_partitions({topic: NewPartitions(3)})
for _ in range(50):
    d = admin.describe_topics([topic])[0]
    if len(d["partitions"]) == 3:
        break
    time.sleep(0.1)
assert len(d["partitions"]) == 3
r = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
names = {e[0]: e[1] for e in r[0].resources[0][4]}
assert names["retention.ms"] == "1000000", names["retention.ms"]
assert admin.describe_cluster()["cluster_id"]
admin.delete_topics([topic])
ok("admin: partitions, configs, cluster, delete")
