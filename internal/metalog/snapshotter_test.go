package metalog

import (
	"fmt"
	"testing"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// imager replays what is committed, as a broker does, and has snapshots taken.
type imager struct {
	*recorder
	t      testing.TB
	loader *metadata.Loader
	s      *Snapshotter
}

func (i *imager) Commit(b Batch) {
	if _, err := i.loader.Batch(b); err != nil {
		i.t.Error(err)
	}
	i.s.After(b, i.loader.Image())
	i.recorder.Commit(b)
}

func TestSnapshotter(t *testing.T) {
	for _, tc := range []struct {
		name     string
		maxBytes int64
		maxAge   model.Millis
		want     bool
	}{{"bytes", 2000, 0, true}, {"age", 1 << 40, 1, true}, {"neither", 1 << 40, 0, false}} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := vfs.NewMem(1)
			format(t, fsys)
			l, err := Open(options(fsys))
			check(t, err)
			s := NewSnapshotter(l, tc.maxBytes, tc.maxAge)
			r := &imager{newRecorder(), t, metadata.NewLoader(), s}
			r.self = 1
			l.Register(r)
			check(t, l.Start())
			epoch := r.leads(1)
			_, err = l.Append(epoch, features())
			check(t, err)
			for k := range 60 {
				value := "1000"
				_, err := l.Append(epoch, []metadata.Record{metadata.V0(&wire.ConfigRecord{ResourceType: 4, ResourceName: fmt.Sprint(k), Name: "a", Value: &value})})
				check(t, err)
			}
			end := l.End()
			r.until(func() bool { return r.next == end })
			if tc.maxAge > 0 { // the appends may all lie within one millisecond
				s.After(Batch{Base: end, Last: end - 1, Epoch: epoch, AppendTime: 1 << 50}, r.loader.Image())
			}
			s.Close()
			l.ask(func() {
				if got := len(l.snapshots) > 1; got != tc.want {
					t.Errorf("snapshots %v", l.snapshots)
				}
			})
			check(t, l.Close())
			if !tc.want {
				return
			}
			l, r2 := open(t, options(fsys))
			r2.leads(1)
			if r2.loads != 1 || r2.next != end+1 {
				t.Errorf("%d loads, at %d, expected %d", r2.loads, r2.next, end+1)
			}
			check(t, l.Close())
		})
	}
}
