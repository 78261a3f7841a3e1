import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.storage.internals.log.*;

/**
 * Reads cases (one a line: compression.type, compacted, append time, before max, after max, batch in hex; now is
 * 1700000001000) and prints what Kafka's LogValidator makes of each, for validate.txt:
 *
 *   go test -run TestValidateAsKafka -cases cases.txt . && java -cp 'libs/*' testdata/Validate.java < cases.txt > testdata/validate.txt
 */
public class Validate {
    static final LogValidator.MetricsRecorder NONE = new LogValidator.MetricsRecorder() {
        public void recordInvalidMagic() {}
        public void recordInvalidOffset() {}
        public void recordInvalidSequence() {}
        public void recordInvalidChecksums() {}
        public void recordNoKeyCompactedTopic() {}
    };

    static String show(Record r) {
        return r.offset() + "@" + r.timestamp() + " " + hex(r.key()) + "=" + hex(r.value()) + " " + r.headers().length;
    }

    static String hex(ByteBuffer b) {
        if (b == null)
            return "null";
        byte[] bytes = new byte[b.remaining()];
        b.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    static String run(String[] f) {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(f[5])));
        try {
            CompressionType source = records.batches().iterator().next().compressionType();
            Compression target = f[0].equals("producer") ? Compression.of(source).build() : f[0].equals("none") ? Compression.NONE : Compression.of(f[0]).build();
            Time time = new MockTime();
            LogValidator v = new LogValidator(records, new TopicPartition("t", 1), time, source, target, f[1].equals("true"), (byte) 2,
                f[2].equals("true") ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
                Long.parseLong(f[3]), Long.parseLong(f[4]), 0, AppendOrigin.CLIENT);
            MemoryRecords out = v.validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(0), NONE, BufferSupplier.NO_CACHING).validatedRecords();
            RecordBatch b = out.batches().iterator().next();
            StringBuilder sb = new StringBuilder();
            for (Record r : b)
                sb.append(" | ").append(show(r));
            return "OK " + b.compressionType().name + " " + b.timestampType() + " max=" + b.maxTimestamp() + " pid=" + b.producerId()
                + " seq=" + b.baseSequence() + " txn=" + b.isTransactional() + " last=" + b.lastOffset() + sb;
        } catch (RecordValidationException e) {
            return Errors.forException(e.invalidException()) + " " + e.invalidException().getMessage()
                + e.recordErrors().stream().map(r -> " | " + r.batchIndex + " " + r.message).collect(Collectors.joining());
        } catch (Throwable e) {
            return Errors.forException(e) + " " + e.getMessage();
        }
    }

    static class MockTime extends SystemTimeLike {}

    /** A clock that stands still. */
    static class SystemTimeLike implements Time {
        public long milliseconds() { return 1700000001000L; }
        public long nanoseconds() { return 0; }
        public void sleep(long ms) {}
        public void waitObject(Object o, java.util.function.Supplier<Boolean> c, long d) {}
        public org.apache.kafka.common.utils.Timer timer(long ms) { throw new UnsupportedOperationException(); }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine())
            System.out.println(line + "\t" + run(line.split(" ")).replace("\n", " "));
    }
}
