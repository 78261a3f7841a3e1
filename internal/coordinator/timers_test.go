package coordinator

import (
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/model"
)

// TestTimersAgainstModel: every timer fires at the first look at or after its
// newest deadline, never before, and not once stopped.
func TestTimersAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Timers
		timers := make([]*Timer, 8)
		due := map[*Timer]model.Millis{}
		for i := range timers {
			timers[i] = &Timer{}
		}
		now := model.Millis(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			x := timers[rapid.IntRange(0, len(timers)-1).Draw(t, "timer")]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				at := now + model.Millis(rapid.IntRange(0, 50).Draw(t, "in"))
				s.Set(x, at)
				due[x] = at
			case 2:
				s.Stop(x)
				delete(due, x)
			case 3:
				now += model.Millis(rapid.IntRange(0, 30).Draw(t, "pass"))
				for f := s.pop(now); f != nil; f = s.pop(now) {
					if at, ok := due[f]; !ok || at > now {
						t.Fatalf("a timer due at %d (%v) fires at %d", at, ok, now)
					}
					delete(due, f)
				}
				for _, at := range due {
					if at <= now {
						t.Fatalf("a timer due at %d has not fired at %d", at, now)
					}
					if s.next() > at {
						t.Fatalf("the next look is at %d, a timer is due at %d", s.next(), at)
					}
				}
			}
			if len(s.heap) != len(due) {
				t.Fatalf("%d timers are kept, %d are running", len(s.heap), len(due))
			}
			for i, f := range s.heap {
				if f.pos != i+1 {
					t.Fatalf("timer at %d thinks it is at %d", i, f.pos-1)
				}
			}
		}
	})
}
