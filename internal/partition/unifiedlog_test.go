package partition

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/storage"
	"gregor/internal/vfs"
)

var scriptOut = flag.String("script", "", "write the script for testdata/Script.java to this file")

// TestAsUnifiedLog runs a script of appends, retries, transactions, lookups
// and restarts and compares each result, and the offsets afterwards, with what
// Kafka's UnifiedLog gave (testdata/log.txt, by testdata/Script.java).
func TestAsUnifiedLog(t *testing.T) {
	if *scriptOut != "" {
		if err := os.WriteFile(*scriptOut, []byte(script()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open("testdata/log.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := scripted{t: t}
	lines, wrong := 0, 0
	var history []string
	for sc := bufio.NewScanner(f); sc.Scan(); lines++ {
		parts := strings.Split(sc.Text(), "\t")
		if strings.HasPrefix(parts[0], "new") {
			history = nil
		}
		history = append(history, sc.Text())
		got, offsets := s.run(strings.Fields(parts[0]))
		// Kafka's text for reads out of range stays on the server.
		if strings.HasPrefix(parts[0], "fetch") {
			parts[1], _, _ = strings.Cut(parts[1], " Received")
		}
		parts[2] = stableFromStart(parts[2])
		if got != parts[1] || offsets != parts[2] {
			t.Errorf("line %d, after\n%s\n got %s\t%s", lines+1, strings.Join(history[max(0, len(history)-12):], "\n"), got, offsets)
			if wrong++; wrong > 3 {
				t.FailNow()
			}
		}
	}
	if lines < 1000 {
		t.Errorf("only %d lines", lines)
	}
}

// stableFromStart mends a last stable offset that Kafka lets fall below the log
// start: after DeleteRecords inside a batch of an open transaction it becomes
// the batch's first offset.
func stableFromStart(offsets string) string {
	var o [4]int64
	if _, err := fmt.Sscan(offsets, &o[0], &o[1], &o[2], &o[3]); err != nil {
		panic(err)
	}
	o[1] = max(o[0], o[1])
	return fmt.Sprint(o[0], o[1], o[2], o[3])
}

// scripted is a partition that a script is run on.
type scripted struct {
	t     *testing.T
	fs    *vfs.Mem
	c     *Config
	p     *Partition
	epoch model.LeaderEpoch
}

func (s *scripted) open(start model.Offset, end model.Offset) {
	l, err := storage.OpenLog(storage.LogOptions{
		FS: s.fs, Dir: "/t-1", Partition: model.TopicPartition{Topic: "t", Partition: 1}, Config: s.c.Log,
		Clean: true, LogStart: start, RecoveryPoint: end,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.p = New(&Env{Self: 1, LagMax: lag, Peers: alive()}, l, testID, s.c)
	lead(s.t, s.p, s.epoch)
}

func (s *scripted) run(f []string) (result, offsets string) {
	s.t.Helper()
	result = s.step(f)
	o, err := s.p.Offsets(start)
	if err != nil {
		s.t.Fatal(err)
	}
	return result, fmt.Sprint(o.LogStart, o.LastStable, o.HighWatermark, o.LogEnd)
}

func num(s string) (n int64) {
	if _, err := fmt.Sscan(s, &n); err != nil {
		panic(err)
	}
	return n
}

func (s *scripted) step(f []string) string {
	switch f[0] {
	case "new":
		s.fs, s.epoch = vfs.NewMem(1), 0
		s.c = testConfig(func(c *Config) { c.Log.SegmentBytes, c.Log.IndexIntervalBytes = int(num(f[1])), 100 })
		s.open(0, 0)
	case "produce":
		return s.append(dataBatch(f), record.Client, -1)
	case "marker":
		sp := record.NewSpec()
		sp.ProducerID, sp.ProducerEpoch, sp.Transactional, sp.Control = model.ProducerID(num(f[1])), model.ProducerEpoch(num(f[2])), true, true
		var bl record.Builder
		bl.Reset(sp)
		bl.AppendMarker(start+model.Millis(num(f[6])), record.Marker{Commit: f[3] == "true", CoordinatorEpoch: int32(num(f[4]))})
		b, _ := bl.Build()
		return s.append(b, record.Coordinator, int16(num(f[5])))
	case "list":
		return s.list(model.Millis(num(f[1])))
	case "delete":
		return s.delete(model.Offset(num(f[1])))
	case "fetch":
		return s.fetch(f)
	case "producers":
		return s.producers()
	case "epoch":
		s.epoch = model.LeaderEpoch(num(f[1]))
		lead(s.t, s.p, s.epoch)
	case "endof":
		e := s.p.EndOffsetForEpoch(model.LeaderEpoch(num(f[1])), model.NoEpoch, false, start)
		if e.End == model.NoOffset {
			return "none"
		}
		return fmt.Sprintf("%d:%d", e.Epoch, e.End)
	case "reopen":
		o, _ := s.p.Offsets(start)
		if err := s.p.log.Close(); err != nil {
			s.t.Fatal(err)
		}
		s.open(o.LogStart, o.LogEnd)
	}
	return "ok"
}

func dataBatch(f []string) []byte {
	sp := record.NewSpec()
	if id := num(f[1]); id >= 0 {
		sp.ProducerID, sp.ProducerEpoch, sp.BaseSequence = model.ProducerID(id), model.ProducerEpoch(num(f[2])), int32(num(f[3]))
		sp.Transactional = f[5] == "true"
	}
	var bl record.Builder
	bl.Reset(sp)
	for i := range num(f[4]) {
		bl.Append(start+model.Millis(num(f[6])+i), []byte("k"), []byte("value"))
	}
	b, _ := bl.Build()
	return b
}

func (s *scripted) append(b []byte, origin record.Origin, version int16) string {
	a := s.p.append(&Append{Records: b, Acks: -1, Now: start, Origin: origin, Epoch: model.NoEpoch, TxnVersion: version})
	if a.Code != kerr.None {
		return a.Code.Name() + " " + a.Err.Error()
	}
	return fmt.Sprintf("%d..%d", a.BaseOffset, a.LastOffset)
}

func (s *scripted) list(t model.Millis) string {
	if t >= 0 {
		t += start
	}
	l := s.p.List(t, ReadUncommitted, model.NoEpoch, false, start)
	if l.Offset == model.NoOffset {
		return "none"
	}
	return fmt.Sprintf("%d@%d epoch %d", l.Offset, l.Timestamp, l.Epoch)
}

func (s *scripted) fetch(f []string) string {
	r := fetchAt(model.Offset(num(f[1])))
	r.MaxBytes, r.MinOne = int(num(f[2])), f[3] == "true"
	if f[4] == "true" {
		r.Isolation = ReadCommitted
	}
	s.p.fetch(r)
	if r.Code != kerr.None {
		return r.Code.Name()
	}
	defer r.Release()
	out := fmt.Sprint(r.Records.Len)
	for _, x := range r.Aborted {
		out += fmt.Sprintf(" %d@%d", x.Producer, x.FirstOffset)
	}
	return out
}

func (s *scripted) delete(to model.Offset) string {
	var w Woken
	o, _ := s.p.Offsets(start)
	_, _, _, err := s.p.DeleteRecords(to, start, &w)
	var e *kerr.Error
	if errors.As(err, &e) {
		return e.Code.Name() + " " + e.Msg
	}
	return fmt.Sprint(to > o.LogStart)
}

func (s *scripted) producers() string {
	infos, _ := s.p.Producers(nil, start)
	slices.SortFunc(infos, func(a, b record.ProducerInfo) int { return int(a.ID - b.ID) })
	var out []string
	for _, i := range infos {
		out = append(out, fmt.Sprintf("%d:%d:%d:%d:%d:%d", i.ID, i.Epoch, i.LastSequence, i.LastTimestamp, i.CoordinatorEpoch, i.TxnFirst))
	}
	return strings.Join(out, " ")
}

// script writes the steps by chance, mostly such as a client would take.
func script() string {
	rng := rand.New(rand.NewPCG(3, 5))
	var out strings.Builder
	for range 40 {
		fmt.Fprintf(&out, "new %d\n", []int{400, 1000, 100_000}[rng.IntN(3)])
		type sent struct{ epoch, seq, count int }
		last := map[int][]sent{}
		end, epoch, at := 0, 0, 0
		for range 40 {
			at = max(0, at+rng.IntN(7)-2)
			id := rng.IntN(4) - 1
			switch k := rng.IntN(20); {
			case k < 10:
				h := last[id]
				x := sent{0, 0, 1 + rng.IntN(3)}
				switch {
				case len(h) > 0 && rng.IntN(6) == 0:
					x = h[max(0, len(h)-1-rng.IntN(7))]
				case len(h) > 0:
					p := h[len(h)-1]
					x.epoch, x.seq = p.epoch, p.seq+p.count
					if rng.IntN(8) == 0 {
						x.epoch, x.seq = p.epoch+rng.IntN(3)-1, rng.IntN(3)
					}
				}
				if id >= 0 {
					last[id] = append(h, x)
				}
				fmt.Fprintf(&out, "produce %d %d %d %d %v %d\n", id, max(0, x.epoch), x.seq, x.count, id >= 0 && rng.IntN(2) == 0, at)
				end += x.count
			case k < 13:
				e := 0
				if h := last[max(0, id)]; len(h) > 0 {
					e = h[len(h)-1].epoch
				}
				fmt.Fprintf(&out, "marker %d %d %v %d %d %d\n", max(0, id), max(0, e+rng.IntN(3)-1), rng.IntN(2) == 0, rng.IntN(3), rng.IntN(3), at)
				end++
			case k < 15:
				fmt.Fprintf(&out, "list %d\n", []int{-2, -3, -4, max(0, at-rng.IntN(10)), max(0, at), max(0, at-30), 0}[rng.IntN(7)])
			case k == 15:
				fmt.Fprintf(&out, "delete %d\n", rng.IntN(end+2))
			case k < 18:
				fmt.Fprintf(&out, "fetch %d %d %v %v\nproducers\n", rng.IntN(end+1), []int{50, 300, 100_000}[rng.IntN(3)], rng.IntN(2) == 0, rng.IntN(2) == 0)
			case k == 18:
				epoch += 1 + rng.IntN(2)
				fmt.Fprintf(&out, "epoch %d\nendof %d\n", epoch, rng.IntN(epoch+2))
			default:
				out.WriteString("reopen\nproducers\n")
			}
		}
	}
	return out.String()
}
