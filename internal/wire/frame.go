package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// FrameHead is the number of bytes of the size before every frame.
const FrameHead = 4

// ErrUnknownKey is wrapped by DecodeRequestHeader's error for an API key that
// does not exist.
var ErrUnknownKey = errors.New("unknown API key")

// DecodeRequestHeader reads the header of a request from r, which is at the
// start of a frame without its size, and leaves r at the request. The header
// has a flexible form if the request has (client id apart, which never has).
// The version of the request is not checked, so that ApiVersions can be
// answered whatever its version.
func DecodeRequestHeader(r *Reader, h *RequestHeader) (*API, error) {
	b := r.b[r.off:]
	if len(b) < 4 {
		r.short(4, "request header")
		return nil, r.Err()
	}
	key, version := int16(binary.BigEndian.Uint16(b)), int16(binary.BigEndian.Uint16(b[2:]))
	api := APIByKey(key)
	if api == nil {
		return nil, fmt.Errorf("%w %d", ErrUnknownKey, key)
	}
	if version < 0 {
		return nil, fmt.Errorf("request of API key %d (%s) has version %d", key, api.Name, version)
	}
	h.Decode(r, api.RequestHeaderVersion(version))
	return api, r.Err()
}

// DecodeResponseHeader reads the header of a response to a request of that
// version and returns its correlation id.
func DecodeResponseHeader(r *Reader, api *API, version int16) (correlation int32, err error) {
	correlation = r.i32("correlationId")
	if api.ResponseHeaderVersion(version) > 0 {
		r.skipTags()
	}
	return correlation, r.Err()
}

// EncodeRequest appends a whole frame to w: size, header, request.
func EncodeRequest(w *Writer, correlation int32, clientID *string, req Message, version int16) error {
	api := APIByKey(req.APIKey())
	if api == nil {
		return fmt.Errorf("%s is not a request", Name(req))
	}
	start := w.startFrame()
	hv := api.RequestHeaderVersion(version)
	w.i16(api.Key)
	w.i16(version)
	w.i32(correlation)
	if hv > 0 {
		w.nstr(false, true, clientID, "clientId")
	}
	if hv > 1 {
		w.i8(0)
	}
	req.Encode(w, version)
	return w.endFrame(start, req, version)
}

// EncodeResponse appends a whole frame to w: size, header, response.
func EncodeResponse(w *Writer, correlation int32, resp Message, version int16) error {
	api := APIByKey(resp.APIKey())
	if api == nil {
		return fmt.Errorf("%s is not a response", Name(resp))
	}
	start := w.startFrame()
	w.i32(correlation)
	if api.ResponseHeaderVersion(version) > 0 {
		w.i8(0)
	}
	resp.Encode(w, version)
	return w.endFrame(start, resp, version)
}

// frameStart remembers where a frame began.
type frameStart struct{ buf, total int }

func (w *Writer) startFrame() frameStart {
	s := frameStart{len(w.buf), w.Len()}
	w.u32(0)
	return s
}

func (w *Writer) endFrame(s frameStart, m Message, version int16) error {
	if w.err != nil {
		return fmt.Errorf("%s v%d: %w", Name(m), version, w.err)
	}
	n := w.Len() - s.total - FrameHead
	if n > math.MaxInt32 {
		w.fail(fmt.Errorf("%s v%d takes %d bytes, more than a frame can", Name(m), version, n))
		return w.err
	}
	binary.BigEndian.PutUint32(w.buf[s.buf:], uint32(n))
	return nil
}
