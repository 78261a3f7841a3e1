package broker

import (
	"log/slog"
	"sync"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// TopicCreator asks the active controller for topics that this broker needs, or
// that clients asked about (auto.create.topics.enable). It does not wait: who
// needs a topic asks again. Safe for concurrent use.
type TopicCreator struct {
	forward  *Forwarder
	listener string
	log      *slog.Logger
	mu       sync.Mutex
	asking   map[string]bool // bounded by maxAsking
}

// maxAsking bounds the topics that are being created at a time.
const maxAsking = 10_000

// createTimeout is how long the controller has for one.
const createTimeout = 30 * time.Second

// NewTopicCreator is a TopicCreator; listener is what it says it came in by.
func NewTopicCreator(f *Forwarder, listener string, log *slog.Logger) *TopicCreator {
	return &TopicCreator{forward: f, listener: listener, log: log, asking: map[string]bool{}}
}

// CreateTopic asks for a topic, unless that is being done already.
func (t *TopicCreator) CreateTopic(topic wire.CreateTopicsRequestCreatableTopic) {
	t.mu.Lock()
	if t.asking[topic.Name] || len(t.asking) >= maxAsking {
		t.mu.Unlock()
		return
	}
	t.asking[topic.Name] = true
	t.mu.Unlock()
	req := &wire.CreateTopicsRequest{Topics: []wire.CreateTopicsRequestCreatableTopic{topic}, TimeoutMs: int32(createTimeout.Milliseconds())}
	_, version, _ := wire.APIByKey(wire.KeyCreateTopics).Advertised(wire.ControllerListener)
	c := Client{Principal: "User:ANONYMOUS", ClientID: "auto-topic-creation", Listener: t.listener}
	t.forward.Forward(c, req, version, createTimeout, func(m wire.Message, err error) {
		t.mu.Lock()
		delete(t.asking, topic.Name)
		t.mu.Unlock()
		if r, ok := m.(*wire.CreateTopicsResponse); ok && err == nil && len(r.Topics) == 1 {
			if code := r.Topics[0].ErrorCode; code != kerr.None && code != kerr.TopicAlreadyExists {
				why := code.Message()
				if p := r.Topics[0].ErrorMessage; p != nil {
					why = *p
				}
				t.log.Warn("Auto topic creation of " + topic.Name + " failed: " + code.Name() + ": " + why)
			}
			return
		}
		if err != nil {
			t.log.Warn("Auto topic creation of " + topic.Name + " failed: " + err.Error())
		}
	})
}
