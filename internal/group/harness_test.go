package group

import (
	"fmt"
	"log/slog"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"gregor/internal/clock"
	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// memLog is a partition in memory.
type memLog struct {
	mu      sync.Mutex
	batches []record.Batch
	end, hw model.Offset
	epoch   model.LeaderEpoch
	auto    bool // commit at once
	fail    error
	forget  bool // do not keep what is appended: for benchmarks
	waits   []memWait
}

type memWait struct {
	at model.Offset
	fn func()
}

func (l *memLog) Append(batch []byte, epoch model.LeaderEpoch, _ model.Millis) (model.Offset, model.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.fail != nil:
		return 0, 0, l.fail
	case epoch != l.epoch:
		return 0, 0, kerr.NotLeaderOrFollower
	}
	b := record.Batch(batch)
	if !l.forget {
		b = record.Batch(append([]byte(nil), batch...))
		l.batches = append(l.batches, b)
	}
	b.SetBaseOffset(l.end)
	base := l.end
	l.end = b.NextOffset()
	if l.auto {
		l.hw = l.end
	}
	return base, l.hw, nil
}

func (l *memLog) HighWatermark() model.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hw
}

func (l *memLog) Await(at model.Offset, epoch model.LeaderEpoch, fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hw >= at || epoch != l.epoch {
		return false
	}
	l.waits = append(l.waits, memWait{at, fn})
	return true
}

func (l *memLog) Bounds(model.Millis) (start, end, hw model.Offset, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end, l.hw, nil
}

func (l *memLog) Read(offset model.Offset, buf []byte, _ model.Millis) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buf = buf[:0]
	for _, b := range l.batches {
		if b.NextOffset() > offset && (len(buf) == 0 || len(buf)+len(b) <= cap(buf)) {
			buf = append(buf, b...)
		}
	}
	return buf, nil
}

func (l *memLog) MaxBatch() int { return 1 << 20 }

// commit makes everything committed.
func (l *memLog) commit() {
	l.mu.Lock()
	l.hw = l.end
	waits := l.waits
	l.waits = nil
	l.mu.Unlock()
	for _, w := range waits {
		w.fn()
	}
}

// lead begins another epoch; what is not committed is lost.
func (l *memLog) lead() model.LeaderEpoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for len(l.batches) > 0 && l.end > l.hw {
		last := l.batches[len(l.batches)-1]
		l.batches = l.batches[:len(l.batches)-1]
		l.end = last.BaseOffset()
	}
	l.waits = nil
	return l.epoch
}

// appendRaw appends a batch as another software might have written it.
func (l *memLog) appendRaw(spec record.Spec, key, value []byte) {
	var b record.Builder
	b.Reset(spec)
	b.Append(1, key, value)
	batch, err := b.Build()
	if err != nil {
		panic(err)
	}
	if _, _, err := l.Append(batch, l.epoch, 0); err != nil {
		panic(err)
	}
}

// world is a Service over partitions in memory, with time moved by hand.
type world struct {
	s     *Service
	clock *clock.Manual
	logs  []*memLog
	ids   uint64
	img   *metadata.Image

	mu  sync.Mutex
	out []string // what has been answered since it was looked at
}

func newWorld(cfg Config, log *slog.Logger) *world {
	w := &world{clock: clock.NewManual(1_000_000)}
	for range cfg.Partitions {
		w.logs = append(w.logs, &memLog{auto: true})
	}
	w.s = New(Options{
		Config: cfg, Self: 1, Clock: w.clock, Log: log,
		Open: func(p int32) (coordinator.Log, error) { return w.logs[p], nil },
		NewID: func() (u model.UUID) {
			w.ids++
			for i := range 8 {
				u[15-i] = byte(w.ids >> (8 * i))
			}
			return u
		},
	})
	w.img = metadata.NewDelta(metadata.Empty()).Image(metadata.Provenance{})
	w.publish(nil)
	return w
}

var offsetsID = model.TopicID{1}

// publish replays records into the metadata and publishes the result.
func (w *world) publish(msgs []wire.Record) {
	d := metadata.NewDelta(w.img)
	for _, m := range msgs {
		if err := d.Replay(metadata.Record{Msg: m}); err != nil {
			panic(err)
		}
	}
	w.img = d.Image(metadata.Provenance{})
	w.s.Publish(d, w.img)
}

// elect makes this broker lead all partitions, in a new epoch.
func (w *world) elect() {
	var msgs []wire.Record
	first := w.img.Topics.ByName(TopicName) == nil
	if first {
		msgs = append(msgs, &wire.TopicRecord{Name: TopicName, TopicId: offsetsID})
	}
	for p, l := range w.logs {
		epoch := l.lead()
		if first {
			msgs = append(msgs, &wire.PartitionRecord{
				TopicId: offsetsID, PartitionId: int32(p), Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: int32(epoch),
			})
			continue
		}
		c := wire.NewPartitionChangeRecord()
		c.TopicId, c.PartitionId, c.Leader = offsetsID, int32(p), 1
		msgs = append(msgs, c)
	}
	if !first {
		// The epoch grows by itself when the leader is written.
		for i, l := range w.logs {
			l.epoch = w.img.Topics.ByName(TopicName).Partitions[i].LeaderEpoch + 1
		}
	}
	w.publish(msgs)
	w.loaded()
}

// resign makes another broker lead.
func (w *world) resign() {
	var msgs []wire.Record
	for p := range w.logs {
		c := wire.NewPartitionChangeRecord()
		c.TopicId, c.PartitionId, c.Leader = offsetsID, int32(p), 2
		msgs = append(msgs, c)
	}
	w.publish(msgs)
}

// loaded waits until all partitions serve and rest: the loaders are goroutines,
// and as long as one is at it, it also does what others ask.
func (w *world) loaded() {
	for range 20000 {
		rests := 0
		for p := range w.logs {
			inline := make(chan bool, 1)
			w.s.rt.Read(int32(p), w.clock.Now(), func(*Shard) error { return nil }, func(err error) {
				inline <- kerr.Of(err) != kerr.CoordinatorLoadInProgress
			})
			select {
			case ok := <-inline:
				if ok {
					rests++
				}
			default:
			}
		}
		if rests == len(w.logs) {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
	panic("loading takes for ever")
}

// advance moves time in small steps, so that timers that set timers are seen.
func (w *world) advance(d time.Duration) {
	for d > 0 {
		step := min(d, 500*time.Millisecond)
		w.clock.Advance(step)
		w.s.Advance(w.clock.Now())
		d -= step
	}
}

func (w *world) context(client string, version int16) *Context {
	return &Context{ClientID: client, ClientHost: "/127.0.0.1", Version: version, Now: w.clock.Now()}
}

// shard runs f on a shard's machine.
func (w *world) shard(p int32, f func(*Shard)) {
	w.s.rt.Read(p, w.clock.Now(), func(s *Shard) error { f(s); return nil }, func(err error) {
		if err != nil {
			panic(err)
		}
	})
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = append(w.out, short(fmt.Sprintf(format, args...)))
}

func (w *world) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.out, "\n")
	w.out = nil
	return s
}

var randomID = regexp.MustCompile(`-00000000-0000-0000-0000-0*([0-9a-f]+)`)

// short writes member ids as client#number, long the other way round.
func short(s string) string { return randomID.ReplaceAllString(s, "#$1") }

var shortID = regexp.MustCompile(`#([0-9a-f]+)`)

func long(s string) string {
	return shortID.ReplaceAllStringFunc(s, func(m string) string {
		return "-00000000-0000-0000-0000-" + strings.Repeat("0", 12-len(m)+1) + m[1:]
	})
}

// brief shortens what is long.
func brief(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("(%d bytes)", len(s))
	}
	return s
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// dump writes the records from an offset on.
func (l *memLog) dump(from model.Offset) (lines []string) {
	var r record.Reader
	for _, b := range l.batches {
		for r.Reset(b); r.Next(); {
			if r.Record().Offset < from {
				continue
			}
			lines = append(lines, short(describe(r.Record().Key, r.Record().Value)))
		}
	}
	return lines
}

func describe(k, v []byte) string {
	key, err := wire.ConsumerOffsets.DecodeKey(k)
	if err != nil {
		return err.Error()
	}
	value, version, err := wire.ConsumerOffsets.DecodeValue(key.RecordType(), v)
	if err != nil {
		return err.Error()
	}
	head := ""
	switch key := key.(type) {
	case *wire.OffsetCommitKey:
		head = fmt.Sprintf("offset %s/%s-%d", key.Group, key.Topic, key.Partition)
	case *wire.GroupMetadataKey:
		head = "group " + key.Group
	default:
		head = fmt.Sprintf("%T", key)
	}
	switch v := value.(type) {
	case nil:
		return head + " tombstone"
	case *wire.OffsetCommitValue:
		head += fmt.Sprintf(" v%d offset=%d epoch=%d", version, v.Offset, v.LeaderEpoch)
		if v.Metadata != "" {
			head += " metadata=" + brief(v.Metadata)
		}
		if v.ExpireTimestamp >= 0 {
			head += fmt.Sprintf(" expires=+%d", v.ExpireTimestamp-v.CommitTimestamp)
		}
		if !v.TopicId.IsZero() {
			head += fmt.Sprintf(" id=%d", v.TopicId[0])
		}
	case *wire.GroupMetadataValue:
		head += fmt.Sprintf(" v%d generation=%d type=%s protocol=%s leader=%s", version, v.Generation, v.ProtocolType, text(v.Protocol), text(v.Leader))
		var ms []string
		for i := range v.Members {
			m := &v.Members[i]
			ms = append(ms, fmt.Sprintf("\n  %s instance=%s client=%s%s session=%d rebalance=%d subscription=%s assignment=%s",
				m.MemberId, text(m.GroupInstanceId), m.ClientId, m.ClientHost, m.SessionTimeout, m.RebalanceTimeout, topicsOf(m.Subscription), m.Assignment))
		}
		sort.Strings(ms)
		head += strings.Join(ms, "")
	}
	return head
}

// subscription is a consumer's metadata for topics.
func subscription(topics ...string) []byte {
	b, err := wire.Append([]byte{0, 0}, &wire.ConsumerProtocolSubscription{Topics: topics}, 0)
	if err != nil {
		panic(err)
	}
	return b
}

func topicsOf(b []byte) string {
	var s wire.ConsumerProtocolSubscription
	if len(b) < 2 || wire.Unmarshal(b[2:], &s, 0) != nil {
		return fmt.Sprintf("%q", b)
	}
	return strings.Join(s.Topics, ",")
}
