import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Runs the script on standard input against Kafka's UnifiedLog and prints each line with what came of it, for log.txt:
 *
 *   go test -run TestAsUnifiedLog -script script.txt . && java -cp 'libs/*' testdata/Script.java < script.txt > testdata/log.txt
 */
public class Script {
    static final long T = 1700000000000L;
    static final KafkaScheduler scheduler = new KafkaScheduler(1);
    static final BrokerTopicStats stats = new BrokerTopicStats();
    static File dir;
    static String segment;
    static UnifiedLog log;
    static int epoch;

    static void open(long start, long recoveryPoint) throws Exception {
        Map<String, Object> p = new HashMap<>();
        p.put("internal.segment.bytes", segment);
        p.put("index.interval.bytes", "100");
        p.put("cleanup.policy", "delete");
        log = UnifiedLog.create(dir, new LogConfig(p), start, recoveryPoint, scheduler, stats, new Still(), 900000,
            new ProducerStateManagerConfig(86400000, false), 600000, new LogDirFailureChannel(1), true, Optional.of(new Uuid(1, 1)));
        log.updateHighWatermark(log.logEndOffset());
    }

    static String append(MemoryRecords records, AppendOrigin origin, short version) throws Exception {
        LogAppendInfo info = log.appendAsLeader(records, epoch, origin, org.apache.kafka.server.common.RequestLocal.noCaching(), VerificationGuard.SENTINEL, version);
        log.updateHighWatermark(log.logEndOffset());
        return info.firstOffset() + ".." + info.lastOffset();
    }

    static MemoryRecords batch(String[] f) {
        long id = Long.parseLong(f[1]);
        short pe = Short.parseShort(f[2]);
        int seq = Integer.parseInt(f[3]);
        SimpleRecord[] rs = new SimpleRecord[Integer.parseInt(f[4])];
        for (int i = 0; i < rs.length; i++)
            rs[i] = new SimpleRecord(T + Long.parseLong(f[6]) + i, "k".getBytes(), "value".getBytes());
        if (id < 0)
            return MemoryRecords.withRecords(Compression.NONE, rs);
        return f[5].equals("true") ? MemoryRecords.withTransactionalRecords(Compression.NONE, id, pe, seq, rs)
            : MemoryRecords.withIdempotentRecords(Compression.NONE, id, pe, seq, rs);
    }

    static String run(String[] f) throws Exception {
        switch (f[0]) {
            case "new":
                dir = new File(Files.createTempDirectory("script").toFile(), "t-1");
                segment = f[1];
                epoch = 0;
                open(0, 0);
                log.assignEpochStartOffset(0, 0);
                return "ok";
            case "produce":
                return append(batch(f), AppendOrigin.CLIENT, (short) -1);
            case "marker":
                return append(MemoryRecords.withEndTransactionMarker(T + Long.parseLong(f[6]), Long.parseLong(f[1]), Short.parseShort(f[2]),
                    new EndTransactionMarker(f[3].equals("true") ? ControlRecordType.COMMIT : ControlRecordType.ABORT, Integer.parseInt(f[4]))),
                    AppendOrigin.COORDINATOR, Short.parseShort(f[5]));
            case "list": {
                long t = Long.parseLong(f[1]);
                return log.fetchOffsetByTimestamp(t < 0 ? t : T + t, Optional.empty()).timestampAndOffsetOpt()
                    .map(r -> r.offset + "@" + r.timestamp + " epoch " + r.leaderEpoch.orElse(-1)).orElse("none");
            }
            case "delete":
                return "" + log.maybeIncrementLogStartOffset(Long.parseLong(f[1]), LogStartOffsetIncrementReason.ClientRecordDeletion);
            case "fetch": {
                FetchDataInfo info = log.read(Long.parseLong(f[1]), Integer.parseInt(f[2]), f[4].equals("true") ? FetchIsolation.TXN_COMMITTED : FetchIsolation.HIGH_WATERMARK, f[3].equals("true"));
                long size = 0;
                if (!info.firstEntryIncomplete)
                    for (RecordBatch b : info.records.batches())
                        size += b.sizeInBytes();
                return size + info.abortedTransactions.filter(x -> info.records.sizeInBytes() > 0 && !info.firstEntryIncomplete)
                    .map(l -> l.stream().map(x -> " " + x.producerId() + "@" + x.firstOffset()).collect(Collectors.joining())).orElse("");
            }
            case "producers":
                return log.activeProducers().stream().sorted((a, b) -> Long.compare(a.producerId(), b.producerId()))
                    .map(s -> s.producerId() + ":" + s.producerEpoch() + ":" + s.lastSequence() + ":" + s.lastTimestamp() + ":" + s.coordinatorEpoch() + ":" + s.currentTxnStartOffset())
                    .collect(Collectors.joining(" "));
            case "epoch":
                epoch = Integer.parseInt(f[1]);
                log.assignEpochStartOffset(epoch, log.logEndOffset());
                return "ok";
            case "endof":
                return log.endOffsetForEpoch(Integer.parseInt(f[1])).map(o -> o.epoch() + ":" + o.offset()).orElse("none");
            case "reopen":
                long start = log.logStartOffset(), end = log.logEndOffset();
                log.flush(true);
                log.close();
                open(start, end);
                return "ok";
        }
        throw new IllegalArgumentException(f[0]);
    }

    static class Still implements Time {
        public long milliseconds() { return T; }
        public long nanoseconds() { return System.nanoTime(); }
        public void sleep(long ms) {}
        public void waitObject(Object o, java.util.function.Supplier<Boolean> c, long d) {}
        public org.apache.kafka.common.utils.Timer timer(long ms) { throw new UnsupportedOperationException(); }
    }

    public static void main(String[] args) throws Exception {
        scheduler.startup();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String result;
            try {
                result = run(line.split(" "));
            } catch (Exception e) {
                result = Errors.forException(e) + " " + e.getMessage();
            }
            System.out.println(line + "\t" + result + "\t" + log.logStartOffset() + " " + log.lastStableOffset() + " " + log.highWatermark() + " " + log.logEndOffset());
        }
        System.exit(0);
    }
}
