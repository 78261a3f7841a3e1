package controller

import "testing"

// A heartbeat with an epoch that nobody has must not silence the broker.
func TestHeartbeatsOfOtherEpochs(t *testing.T) {
	s := newSessions(9000)
	s.touch(1, 10, 0)
	s.touch(1, 1<<40, 0)
	s.touch(1, 3, 0)
	s.touch(1, 10, 8000)
	if !s.valid(1, 10, 16000) {
		t.Error("the broker was heard of 8 s ago")
	}
	for range 2 {
		if id, epoch, ok := s.takeExpired(16000); !ok || id != 1 || epoch == 10 {
			t.Errorf("expired: broker %d with epoch %d, %v", id, epoch, ok)
		}
	}
	if _, _, ok := s.takeExpired(16000); ok {
		t.Error("nobody else has expired")
	}
}
