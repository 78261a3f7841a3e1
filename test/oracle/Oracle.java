import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.message.ApiMessageType.ListenerType;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Says what Apache Kafka's own message classes make of a message. Reads one
 * request per line, answers each with one line that starts with "+ " or "! ".
 *
 *   range NAME                 -> + LOWEST HIGHEST
 *   encode NAME VERSION JSON   -> + HEX
 *   decode NAME VERSION HEX    -> + HEX of it encoded again, space, JSON
 *   api KEY LISTENER           -> + the versions it advertises as MIN-MAX or
 *                                 none, then for each version it has
 *                                 VERSION:REQUEST-HEADER:RESPONSE-HEADER
 */
public final class Oracle {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.",
        "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.",
        "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.",
        "org.apache.kafka.raft.generated.",
    };
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Map<String, Codec> CODECS = new HashMap<>();

    private record Codec(Class<?> data, Method read, Method write) { }

    private static Codec codec(String name) throws Exception {
        Codec known = CODECS.get(name);
        if (known != null) return known;
        for (String pkg : PACKAGES) {
            for (String suffix : new String[] {"Data", ""}) {
                try {
                    Class<?> data = Class.forName(pkg + name + suffix);
                    Class<?> converter = Class.forName(pkg + name + suffix + "JsonConverter");
                    Codec c = new Codec(data, converter.getMethod("read", JsonNode.class, short.class),
                        converter.getMethod("write", data, short.class));
                    CODECS.put(name, c);
                    return c;
                } catch (ClassNotFoundException e) {
                    // the next one
                }
            }
        }
        throw new IllegalArgumentException("no class for " + name);
    }

    private static String hex(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return HexFormat.of().formatHex(buffer.array(), 0, buffer.position());
    }

    private static String answer(String line) throws Exception {
        String[] w = line.split(" ", 4);
        if (w[0].equals("api")) return api(ApiKeys.forId(Integer.parseInt(w[1])), ListenerType.valueOf(w[2]));
        Codec codec = codec(w[1]);
        if (w[0].equals("range")) {
            return codec.data.getField("LOWEST_SUPPORTED_VERSION").get(null) + " "
                + codec.data.getField("HIGHEST_SUPPORTED_VERSION").get(null);
        }
        short version = Short.parseShort(w[2]);
        if (w[0].equals("encode")) {
            return hex((Message) codec.read.invoke(null, MAPPER.readTree(w[3]), version), version);
        }
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(w.length > 3 ? w[3] : ""));
        Message message = (Message) codec.data.getConstructor().newInstance();
        message.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) throw new IllegalStateException(bytes.remaining() + " bytes are left");
        return hex(message, version) + " " + codec.write.invoke(null, message, version);
    }

    private static String api(ApiKeys key, ListenerType listener) throws Exception {
        Optional<?> range;
        try {
            range = (Optional<?>) ApiKeys.class.getMethod("toApiVersionForApiResponse", boolean.class, ListenerType.class)
                .invoke(key, false, listener);
        } catch (NoSuchMethodException e) { // 3.9
            range = key.toApiVersion(false);
        }
        StringBuilder out = new StringBuilder("none");
        if (range.isPresent() && key.inScope(listener)) {
            ApiVersion v = (ApiVersion) range.get();
            out = new StringBuilder(v.minVersion() + "-" + v.maxVersion());
        }
        for (short v = key.oldestVersion(); v <= key.latestVersion(); v++) {
            out.append(' ').append(v).append(':').append(key.requestHeaderVersion(v)).append(':').append(key.responseHeaderVersion(v));
        }
        return out.toString();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String reply;
            try {
                reply = "+ " + answer(line);
            } catch (Throwable e) {
                Throwable cause = e instanceof InvocationTargetException ? e.getCause() : e;
                reply = "! " + cause.toString().replace('\n', ' ');
            }
            out.println(reply);
            if (!in.ready()) out.flush();
        }
        out.flush();
    }
}
