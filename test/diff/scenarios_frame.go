package diff

import (
	"encoding/hex"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawRequest is bytes sent as they are; the answer is a frame or the end of
// the connection.
type rawRequest struct {
	*kmsg.MetadataRequest
	bytes []byte
}

// rawAnswer carries the first bytes of a raw answer.
type rawAnswer struct {
	*kmsg.MetadataResponse
	Hex string
}

func frameScenario() scenario {
	var steps []step
	raw := func(name string, b []byte) {
		steps = append(steps, step{name: name, fresh: true, req: func(*world) kmsg.Request { return &rawRequest{kmsg.NewPtrMetadataRequest(), b} }})
	}
	frame := func(body ...byte) []byte {
		n := len(body)
		return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
	}
	raw("negative size", []byte{0xff, 0xff, 0xff, 0xff, 0, 0})
	raw("size beyond socket.request.max.bytes", []byte{0x7f, 0, 0, 0, 0, 0})
	raw("zero size", []byte{0, 0, 0, 0})
	raw("header cut short", frame(0, 18, 0))
	raw("unknown key", frame(3, 0xe8, 0, 0, 0, 0, 0, 1, 0xff, 0xff))
	raw("negative key", frame(0xff, 0xfe, 0, 0, 0, 0, 0, 1, 0xff, 0xff))
	raw("Metadata v99", frame(0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff))
	raw("Fetch v0", frame(0, 1, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0))
	raw("ApiVersions v99", frame(0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0))
	raw("ApiVersions v3 with trailing bytes", frame(0, 18, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0, 2, 'a', 2, 'b', 0, 1, 2, 3))
	raw("Metadata with an array beyond the frame", frame(0, 3, 0, 4, 0, 0, 0, 7, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0))
	raw("Metadata with a string beyond the frame", frame(0, 3, 0, 4, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 1, 0x7f, 0xff, 'a', 0))
	raw("ApiVersions with 2^32-1 tags", frame(0, 18, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f))
	raw("client id beyond the frame", frame(0, 3, 0, 4, 0, 0, 0, 7, 0x40, 0))
	return scenario{"hostile frames", steps}
}

// doRaw sends a raw request; of a raw answer only the beginning is compared:
// correlation id and error code, and the length only of short ones.
func (c *conn) doRaw(r *rawRequest) (kmsg.Response, error) {
	b, err := c.raw(r.bytes)
	if err != nil {
		return nil, err
	}
	h := hex.EncodeToString(b[:min(len(b), 6)])
	if len(b) < 32 {
		h = fmt.Sprintf("%d bytes: %s", len(b), hex.EncodeToString(b))
	}
	return &rawAnswer{kmsg.NewPtrMetadataResponse(), h}, nil
}
