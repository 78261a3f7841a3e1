import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** The Java clients against one bootstrap address: what applications and operators do. */
public class Interop {
    static String addr;
    static final String TAG = UUID.randomUUID().toString().substring(0, 8);

    static void ok(String what) { System.out.println("ok " + what); }

    static void check(boolean b, Object what) { if (!b) throw new AssertionError(String.valueOf(what)); }

    static Properties props(Object... kv) {
        Properties p = new Properties();
        p.put("bootstrap.servers", addr);
        for (int i = 0; i < kv.length; i += 2) p.put(kv[i], kv[i + 1]);
        return p;
    }

    static long clock = System.currentTimeMillis() - 3_600_000;

    /** Timestamps of each call are later than those of all calls before. */
    static long produce(String topic, int n, Object... conf) throws Exception {
        long base = clock += 10_000;
        Properties p = props(conf);
        p.put("linger.ms", "5");
        try (KafkaProducer<String, String> prod = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> fs = new ArrayList<>();
            for (int i = 0; i < n; i++)
                fs.add(prod.send(new ProducerRecord<>(topic, 0, base + i, "k" + i, ("value-" + i).repeat(10),
                    List.of(new RecordHeader("h", ("" + i).getBytes()), new RecordHeader("none", null)))));
            for (Future<RecordMetadata> f : fs) f.get();
        }
        return base;
    }

    static KafkaConsumer<String, String> consumer(Object... conf) {
        Properties p = props(conf);
        p.putIfAbsent("group.protocol", "classic");
        p.putIfAbsent("enable.auto.commit", "false");
        p.putIfAbsent("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    static List<ConsumerRecord<String, String>> poll(KafkaConsumer<String, String> c, int n) {
        List<ConsumerRecord<String, String>> out = new ArrayList<>();
        for (long end = System.currentTimeMillis() + 30000; out.size() < n && System.currentTimeMillis() < end;)
            c.poll(Duration.ofMillis(200)).forEach(out::add);
        check(out.size() >= n, out.size() + " of " + n + " records");
        return out;
    }

    static <E extends Throwable> void refused(Class<E> want, KafkaFuture<?> f) throws Exception {
        try {
            f.get();
        } catch (ExecutionException e) {
            check(want.isInstance(e.getCause()), "expected " + want + ", got " + e.getCause());
            return;
        }
        throw new AssertionError("expected " + want);
    }

    public static void main(String[] args) throws Exception {
        addr = args[0];
        try (Admin admin = Admin.create(props())) {
            codecs(admin);
            groups(admin);
            admin(admin);
            refusals(admin);
        }
    }

    static void codecs(Admin admin) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = "java-" + codec + "-" + TAG;
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            long base = 0;
            int n = 0;
            for (String acks : List.of("all", "1", "0")) {
                base = produce(topic, 300, "acks", acks, "compression.type", codec, "enable.idempotence", "false");
                n += 300;
            }
            produce(topic, 300, "compression.type", codec, "enable.idempotence", "true");
            n += 300;
            TopicPartition tp = new TopicPartition(topic, 0);
            try (KafkaConsumer<String, String> c = consumer()) {
                c.assign(List.of(tp));
                c.seekToBeginning(List.of(tp));
                List<ConsumerRecord<String, String>> got = poll(c, n);
                for (int i = 0; i < n; i++) {
                    ConsumerRecord<String, String> r = got.get(i);
                    check(r.offset() == i && r.key().equals("k" + i % 300), r);
                    check(new String(r.headers().lastHeader("h").value()).equals("" + i % 300) && r.headers().lastHeader("none").value() == null, r);
                }
                check(c.endOffsets(List.of(tp)).get(tp) == n, "end offset");
                OffsetAndTimestamp at = c.offsetsForTimes(Map.of(tp, base + 100)).get(tp);
                check(at.offset() == 700 && at.timestamp() == base + 100, at);
                c.seek(tp, 777);
                check(poll(c, 1).get(0).offset() == 777, "seek");
                check(c.partitionsFor(topic).size() == 1, "partitionsFor");
            }
            ok("produce and consume, " + codec);
        }
    }

    static void groups(Admin admin) throws Exception {
        String topic = "java-group-" + TAG, group = "java-g-" + TAG;
        admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1))).all().get();
        produce(topic, 100);
        try (KafkaConsumer<String, String> c = consumer("group.id", group, "group.instance.id", "static-1")) {
            c.subscribe(List.of(topic));
            poll(c, 100);
            c.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(60, Optional.of(0), "note")));
            ConsumerGroupDescription d = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            check(d.members().size() == 1 && d.members().iterator().next().groupInstanceId().get().equals("static-1"), d);
        }
        try (KafkaConsumer<String, String> c = consumer("group.id", group, "group.instance.id", "static-1")) {
            c.subscribe(List.of(topic));
            check(poll(c, 40).get(0).offset() == 60, "goes on at the committed offset");
            OffsetAndMetadata om = c.committed(Set.of(new TopicPartition(topic, 0))).get(new TopicPartition(topic, 0));
            check(om.offset() == 60 && om.metadata().equals("note"), om);
        }
        admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        check(admin.listConsumerGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)), "listed");
        admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(topic, 1), new OffsetAndMetadata(0))).all().get();
        admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(topic, 1))).all().get();
        Map<TopicPartition, OffsetAndMetadata> offs = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        check(offs.size() == 1 && offs.get(new TopicPartition(topic, 0)).offset() == 60, offs);
        admin.deleteConsumerGroups(List.of(group)).all().get();
        refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
        ok("groups: static member, commit, offsets, delete");
    }

    static void admin(Admin admin) throws Exception {
        String topic = "java-admin-" + TAG;
        CreateTopicsResult cr = admin.createTopics(List.of(new NewTopic(topic, Optional.empty(), Optional.empty()).configs(Map.of("cleanup.policy", "compact"))));
        check(cr.numPartitions(topic).get() >= 1 && cr.config(topic).get().get("cleanup.policy").value().equals("compact"), "created");
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
        TopicDescription td = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        check(td.partitions().size() == 4 && td.partitions().get(0).isr().size() == 1, td);
        check(admin.describeTopics(TopicCollection.ofTopicIds(List.of(td.topicId()))).allTopicIds().get().size() == 1, "by id");
        ConfigResource res = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        admin.incrementalAlterConfigs(Map.of(res, List.of(new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND)))).all().get();
        check(admin.describeConfigs(List.of(res)).all().get().get(res).get("cleanup.policy").value().equals("compact,delete"), "append");
        DescribeClusterResult dc = admin.describeCluster();
        int node = dc.nodes().get().iterator().next().id();
        check(dc.clusterId().get() != null && dc.controller().get() != null, "cluster");
        ConfigResource br = new ConfigResource(ConfigResource.Type.BROKER, "" + node);
        admin.incrementalAlterConfigs(Map.of(br, List.of(new AlterConfigOp(new ConfigEntry("log.retention.ms", "123456789"), AlterConfigOp.OpType.SET)))).all().get();
        ConfigEntry ce = null;
        for (int i = 0; i < 100 && (ce == null || !ce.value().equals("123456789")); i++, Thread.sleep(50)) {
            admin.describeConfigs(List.of(res)).all().get();
            ce = admin.describeConfigs(List.of(br)).all().get().get(br).get("log.retention.ms");
            if (ce.value() == null) ce = null;
        }
        check(ce.source() == ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, ce);
        admin.incrementalAlterConfigs(Map.of(br, List.of(new AlterConfigOp(new ConfigEntry("log.retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
        produce(topic, 10);
        TopicPartition tp = new TopicPartition(topic, 0);
        check(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(tp).get().lowWatermark() == 4, "low watermark");
        check(admin.listOffsets(Map.of(tp, OffsetSpec.earliest())).partitionResult(tp).get().offset() == 4, "earliest");
        check(admin.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).partitionResult(tp).get().offset() == 9, "max timestamp");
        check(admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).values().iterator().next().replicaInfos().containsKey(tp), "log dirs");
        check(admin.describeProducers(List.of(tp)).all().get().get(tp).activeProducers().size() == 1, "producers");
        check(admin.describeMetadataQuorum().quorumInfo().get().leaderId() >= 0, "quorum");
        check(admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"), "features");
        admin.deleteTopics(List.of(topic)).all().get();
        ok("admin: topics, partitions, configs of topics and brokers, records, log dirs, producers, quorum, features");
    }

    static void refusals(Admin admin) throws Exception {
        refused(InvalidTopicException.class, admin.createTopics(List.of(new NewTopic("not a name", 1, (short) 1))).all());
        refused(InvalidReplicationFactorException.class, admin.createTopics(List.of(new NewTopic("rf" + TAG, 1, (short) 3))).all());
        refused(InvalidConfigurationException.class, admin.createTopics(List.of(new NewTopic("cf" + TAG, 1, (short) 1).configs(Map.of("retention.ms", "x")))).all());
        admin.createTopics(List.of(new NewTopic("twice" + TAG, 1, (short) 1))).all().get();
        refused(TopicExistsException.class, admin.createTopics(List.of(new NewTopic("twice" + TAG, 1, (short) 1))).all());
        refused(InvalidPartitionsException.class, admin.createPartitions(Map.of("twice" + TAG, NewPartitions.increaseTo(1))).all());
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of("nowhere" + TAG)).all());
        ok("refusals, each with Kafka's error");
    }
}
