import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.storage.internals.log.*;

/**
 * Prints golden.txt: batches and producer snapshots as Kafka's own classes
 * write them, one per line, name and hex. Run with Kafka 4.3's jars:
 *
 *   java -cp 'libs/*' Golden.java > golden.txt
 */
public class Golden {
    static final long T = 1700000000000L;

    static void print(String name, ByteBuffer b) {
        byte[] bytes = new byte[b.remaining()];
        b.duplicate().get(bytes);
        System.out.println(name + " " + HexFormat.of().formatHex(bytes));
    }

    static MemoryRecordsBuilder builder(Compression c, TimestampType t, long pid, short epoch, int seq, boolean txn, boolean control, long horizon) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(512), (byte) 2, c, t, 1000L, T + 7, pid, epoch, seq, txn, control, 3, Integer.MAX_VALUE, horizon);
    }

    static void data(String name, Compression c, TimestampType t, long pid, short epoch, int seq, boolean txn, long horizon) {
        MemoryRecordsBuilder b = builder(c, t, pid, epoch, seq, txn, false, horizon);
        b.append(T, "key".getBytes(), "value".getBytes());
        b.append(T + 5, (byte[]) null, "no key".getBytes());
        b.append(T - 5, "tombstone".getBytes(), null);
        b.append(T + 100000, new byte[0], new byte[0], new Header[] {
            new RecordHeader("h1", "v1".getBytes()), new RecordHeader("", (byte[]) null), new RecordHeader("h1", new byte[0])});
        b.append(T, new byte[300], "x".repeat(200).getBytes());
        print(name, b.build().buffer());
    }

    static void large(String name, Compression c) {
        MemoryRecordsBuilder b = builder(c, TimestampType.CREATE_TIME, -1L, (short) -1, -1, false, false, -1L);
        for (int i = 0; i < 1300; i++)
            b.append(T + i, Integer.toString(i % 10).getBytes(), ("the quick brown fox jumps over the lazy dog").getBytes());
        print(name, b.build().buffer());
    }

    static void marker(String name, ControlRecordType type, int coordinatorEpoch) {
        MemoryRecordsBuilder b = builder(Compression.NONE, TimestampType.CREATE_TIME, 42L, (short) 6, -1, true, true, -1L);
        b.appendEndTxnMarker(T, new EndTransactionMarker(type, coordinatorEpoch));
        print(name, b.build().buffer());
    }

    static void snapshot(String name, Map<Long, ProducerStateEntry> entries) throws Exception {
        java.io.File f = java.io.File.createTempFile("golden", ".snapshot");
        ProducerStateManager.writeSnapshot(f, entries, false);
        print(name, ByteBuffer.wrap(java.nio.file.Files.readAllBytes(f.toPath())));
        f.delete();
    }

    public static void main(String[] args) throws Exception {
        TimestampType create = TimestampType.CREATE_TIME;
        data("none", Compression.NONE, create, -1L, (short) -1, -1, false, -1L);
        data("gzip", Compression.gzip().build(), create, -1L, (short) -1, -1, false, -1L);
        data("snappy", Compression.snappy().build(), create, -1L, (short) -1, -1, false, -1L);
        data("lz4", Compression.lz4().build(), create, -1L, (short) -1, -1, false, -1L);
        data("zstd", Compression.zstd().build(), create, -1L, (short) -1, -1, false, -1L);
        data("idempotent", Compression.NONE, create, 42L, (short) 5, Integer.MAX_VALUE - 1, false, -1L);
        data("transactional", Compression.NONE, create, 42L, (short) 5, 17, true, -1L);
        data("appendtime", Compression.NONE, TimestampType.LOG_APPEND_TIME, -1L, (short) -1, -1, false, -1L);
        data("horizon", Compression.NONE, create, -1L, (short) -1, -1, false, T + 50);
        large("large-gzip", Compression.gzip().build());
        large("large-snappy", Compression.snappy().build());
        large("large-lz4", Compression.lz4().build());
        large("large-lz4-high", Compression.lz4().level(17).build());
        large("large-zstd", Compression.zstd().build());
        marker("commit", ControlRecordType.COMMIT, 9);
        marker("abort", ControlRecordType.ABORT, 10);
        MemoryRecordsBuilder b = builder(Compression.NONE, create, -1L, (short) -1, -1, false, true, -1L);
        b.appendLeaderChangeMessage(T, new LeaderChangeMessage().setLeaderId(1));
        print("leaderchange", b.build().buffer());

        ByteBuffer old = ByteBuffer.allocate(256);
        MemoryRecordsBuilder v1 = MemoryRecords.builder(old, (byte) 1, Compression.NONE, create, 77L);
        v1.append(T, "k".getBytes(), "v".getBytes());
        print("magic1", v1.build().buffer());
        old = ByteBuffer.allocate(256);
        MemoryRecordsBuilder v0 = MemoryRecords.builder(old, (byte) 0, Compression.NONE, TimestampType.NO_TIMESTAMP_TYPE, 77L);
        v0.append(-1L, "k".getBytes(), "v".getBytes());
        print("magic0", v0.build().buffer());

        java.util.TreeMap<Long, ProducerStateEntry> m = new java.util.TreeMap<>();
        snapshot("snapshot-empty", m);
        m.put(42L, entry(42L, (short) 5, 7, T, OptionalLong.empty(), new int[] {4, 1}));
        m.put(43L, entry(43L, (short) 0, -1, T + 1, OptionalLong.of(900L), new int[] {0, 0}));
        m.put(44L, entry(44L, (short) 32767, 3, T + 2, OptionalLong.empty(), null));
        snapshot("snapshot", m);
    }

    // The class's way to add batches is not public.
    static ProducerStateEntry entry(long id, short epoch, int coordinator, long time, OptionalLong txn, int[] seqs) throws Exception {
        ProducerStateEntry e = new ProducerStateEntry(id, epoch, coordinator, time, txn);
        if (seqs != null) {
            var add = ProducerStateEntry.class.getDeclaredMethod("addBatch", short.class, int.class, long.class, int.class, long.class);
            add.setAccessible(true);
            add.invoke(e, epoch, seqs[0], 1000L + seqs[0], seqs[1], time);
        }
        return e;
    }
}
