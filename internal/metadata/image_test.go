package metadata

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/model"
	"gregor/internal/wire"
)

func tid(n int) model.UUID { return model.UUID{0: 9, 15: byte(n)} }

// world draws records that fit the image so far, and some that change nothing.
type world struct {
	t   *rapid.T
	img *Image
}

func (w *world) pick(name string, n int) int { return rapid.IntRange(0, n-1).Draw(w.t, name) }

func (w *world) ints() []int32 {
	return rapid.SliceOfNDistinct(rapid.Int32Range(1, 6), 1, 4, rapid.ID[int32]).Draw(w.t, "ids")
}

func (w *world) topics() []*Topic { return slices.Collect(w.img.Topics.All()) }

func (w *world) partition() (*Topic, int32) {
	ts := w.topics()
	if len(ts) == 0 {
		return nil, 0
	}
	t := ts[w.pick("topic", len(ts))]
	if len(t.Partitions) == 0 {
		return nil, 0
	}
	return t, int32(w.pick("partition", len(t.Partitions)))
}

func (w *world) dirs(n int) []model.UUID {
	if rapid.Bool().Draw(w.t, "migrating") {
		return make([]model.UUID, n)
	}
	out := make([]model.UUID, n)
	for i := range out {
		out[i] = tid(100 + w.pick("dir", 9))
	}
	return out
}

// next is a record, nil if what was drawn does not fit.
func (w *world) next() wire.Record {
	switch w.pick("kind", 18) {
	case 0, 1:
		n := w.pick("new topic", 12)
		if w.img.Topics.ByID(tid(n)) != nil {
			return nil
		}
		return &wire.TopicRecord{Name: fmt.Sprint("topic-", n), TopicId: tid(n)}
	case 2, 3, 4:
		ts := w.topics()
		if len(ts) == 0 {
			return nil
		}
		t := ts[w.pick("topic", len(ts))]
		m := wire.NewPartitionRecord()
		m.TopicId, m.PartitionId = t.ID, int32(w.pick("number", len(t.Partitions)+1))
		m.Replicas = w.ints()
		m.Isr = m.Replicas[:rapid.IntRange(0, len(m.Replicas)).Draw(w.t, "isr")]
		m.Leader, m.LeaderEpoch, m.PartitionEpoch = m.Replicas[0], 3, 7
		m.Directories = w.dirs(len(m.Replicas))
		m.RemovingReplicas, m.AddingReplicas = []int32{}, []int32{}
		return m
	case 5, 6, 7:
		return w.change()
	case 8:
		if t, _ := w.partition(); t != nil && rapid.Bool().Draw(w.t, "remove") {
			return &wire.RemoveTopicRecord{TopicId: t.ID}
		}
		return &wire.ClearElrRecord{}
	case 9:
		return w.config()
	case 10:
		return w.register()
	case 11:
		return w.brokerChange()
	case 12:
		return &wire.ProducerIdsRecord{NextProducerId: int64(w.pick("pid", 1e6))}
	case 13:
		names := []string{FeatureGroup, FeatureShare, FeatureELR, FeatureKRaft, "future.version"}
		return &wire.FeatureLevelRecord{Name: names[w.pick("feature", len(names))], FeatureLevel: int16(w.pick("level", 3))}
	case 14:
		return w.quota()
	default:
		return w.security()
	}
}

func (w *world) change() wire.Record {
	t, n := w.partition()
	if t == nil {
		return nil
	}
	p := t.Partitions[n]
	m := wire.NewPartitionChangeRecord()
	m.TopicId, m.PartitionId = t.ID, n
	set := func(name string) bool { return rapid.Bool().Draw(w.t, name) }
	if set("isr") {
		m.Isr = Int32s(p.Replicas[:rapid.IntRange(0, len(p.Replicas)).Draw(w.t, "n")])
	}
	if set("leader") {
		m.Leader = int32(p.Replicas[0])
	}
	if set("replicas") {
		m.Replicas = w.ints()
		m.Directories = w.dirs(len(m.Replicas))
	}
	if set("adding") {
		m.AddingReplicas = w.ints()
	}
	if set("removing") {
		m.RemovingReplicas = []int32{}
	}
	if set("elr") {
		m.EligibleLeaderReplicas, m.LastKnownElr = w.ints(), []int32{}
	}
	if set("recovery") {
		m.LeaderRecoveryState = int8(w.pick("state", 2))
	}
	return m
}

func (w *world) config() wire.Record {
	names := []string{"retention.ms", "cleanup.policy", "segment.ms", "gone.from.kafka"}
	m := &wire.ConfigRecord{ResourceType: int8(TopicResource), ResourceName: fmt.Sprint("topic-", w.pick("topic", 4)), Name: names[w.pick("name", 4)]}
	if rapid.Bool().Draw(w.t, "broker") {
		m.ResourceType, m.ResourceName = int8(BrokerResource), []string{"", "1"}[w.pick("which", 2)]
	}
	if rapid.Bool().Draw(w.t, "set") {
		v := fmt.Sprint(w.pick("value", 3))
		m.Value = &v
	}
	return m
}

func (w *world) register() wire.Record {
	n := w.pick("broker", 6) + 1
	if w.pick("controller", 4) == 0 {
		return &wire.RegisterControllerRecord{
			ControllerId: int32(n), IncarnationId: tid(n),
			EndPoints: []wire.RegisterControllerRecordControllerEndpoint{{Name: "C", Host: "h", Port: 9}},
			Features:  []wire.RegisterControllerRecordControllerFeature{{Name: FeatureMetadata, MinSupportedVersion: 7, MaxSupportedVersion: 33}},
		}
	}
	m := wire.NewRegisterBrokerRecord()
	m.BrokerId, m.BrokerEpoch, m.IncarnationId = int32(n), int64(w.pick("epoch", 100)), tid(n)
	m.EndPoints = []wire.RegisterBrokerRecordBrokerEndpoint{{Name: "P", Host: "h", Port: 1, SecurityProtocol: 0}}
	m.Features = []wire.RegisterBrokerRecordBrokerFeature{{Name: FeatureMetadata, MinSupportedVersion: 7, MaxSupportedVersion: 33}}
	if rapid.Bool().Draw(w.t, "rack") {
		r := "r1"
		m.Rack = &r
	}
	m.Fenced = rapid.Bool().Draw(w.t, "fenced")
	m.LogDirs = []model.UUID{tid(102), tid(101)}
	if rapid.Bool().Draw(w.t, "cordoned") {
		m.CordonedLogDirs = []model.UUID{}
	}
	return m
}

func (w *world) brokerChange() wire.Record {
	bs := slices.Collect(w.img.Cluster.Brokers())
	if len(bs) == 0 {
		return nil
	}
	b := bs[w.pick("broker", len(bs))]
	if w.pick("unregister", 5) == 0 {
		return &wire.UnregisterBrokerRecord{BrokerId: int32(b.ID), BrokerEpoch: int64(b.Epoch)}
	}
	m := wire.NewBrokerRegistrationChangeRecord()
	m.BrokerId, m.BrokerEpoch = int32(b.ID), int64(b.Epoch)
	m.Fenced, m.InControlledShutdown = int8(w.pick("fence", 3)-1), int8(w.pick("stop", 2))
	if rapid.Bool().Draw(w.t, "dirs") {
		m.LogDirs, m.CordonedLogDirs = []model.UUID{tid(7)}, []model.UUID{tid(7)}
	}
	return m
}

func (w *world) quota() wire.Record {
	m := &wire.ClientQuotaRecord{Key: []string{"producer_byte_rate", "request_percentage"}[w.pick("key", 2)], Value: float64(w.pick("rate", 5))}
	for _, typ := range []string{"user", "client-id"} {
		if rapid.Bool().Draw(w.t, typ) {
			e := wire.ClientQuotaRecordEntityData{EntityType: typ}
			if rapid.Bool().Draw(w.t, "named") {
				n := rapid.SampledFrom([]string{"a", "", "a\x00;user\x00n", "\x00"}).Draw(w.t, "name")
				e.EntityName = &n
			}
			m.Entity = append(m.Entity, e)
		}
	}
	m.Remove = w.pick("remove", 3) == 0
	return m
}

func (w *world) security() wire.Record {
	n := w.pick("n", 5)
	switch w.pick("what", 6) {
	case 0:
		return &wire.AccessControlEntryRecord{Id: tid(n), ResourceType: 2, ResourceName: "t", PatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3}
	case 1:
		if w.img.ACLs.ByID(tid(n)) == nil {
			return nil
		}
		return &wire.RemoveAccessControlEntryRecord{Id: tid(n)}
	case 2:
		return &wire.UserScramCredentialRecord{Name: fmt.Sprint("u", n), Mechanism: int8(1 + n%2), Salt: []byte("s"), StoredKey: []byte("k"), ServerKey: []byte{byte(n)}, Iterations: 4096}
	case 3:
		return &wire.RemoveUserScramCredentialRecord{Name: fmt.Sprint("u", n), Mechanism: int8(1 + n%2)}
	case 4:
		return &wire.DelegationTokenRecord{TokenId: fmt.Sprint("t", n), Owner: "User:a", Requester: "User:b", Renewers: []string{"User:c"}, IssueTimestamp: 1, MaxTimestamp: 2, ExpirationTimestamp: 3}
	}
	return &wire.RemoveDelegationTokenRecord{TokenId: fmt.Sprint("t", n)}
}

// dump is everything in an image as text.
func dump(img *Image) string {
	var b strings.Builder
	n := 0
	for r := range img.Records() {
		fmt.Fprintln(&b, encode(r))
		n++
	}
	fmt.Fprintf(&b, "%d records, next pid %d, %d topics, %d partitions, %d brokers, features %+v\n",
		n, img.NextProducerID, img.Topics.Len(), img.Topics.NumPartitions(), img.Cluster.NumBrokers(), img.Features)
	return b.String()
}

func encode(r Record) string {
	data, err := wire.AppendMetadataRecord(nil, r.Msg, r.Version)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s v%d %x", wire.Name(r.Msg), r.Version, data)
}

// check verifies what an image holds twice.
func (img *Image) check() string {
	parts := 0
	for t := range img.Topics.All() {
		parts += len(t.Partitions)
		if img.Topics.ByID(t.ID) != t {
			return "topic " + t.Name + " is another one by id"
		}
		for _, p := range t.Partitions {
			if len(p.Dirs) != len(p.Replicas) {
				return fmt.Sprintf("%d directories for %d replicas", len(p.Dirs), len(p.Replicas))
			}
		}
	}
	if img.Topics.byID.len != img.Topics.byName.len || parts != img.Topics.partitions {
		return fmt.Sprintf("%d ids, %d names, %d partitions counted as %d", img.Topics.byID.len, img.Topics.byName.len, parts, img.Topics.partitions)
	}
	return ""
}

// TestImageIsWhatItsRecordsSay replays random histories, in deltas cut anywhere, and
// compares: one big delta with many small ones; every image with what it was
// when it was made; every image with the replay of its own snapshot; and what deltas
// say has changed with what has.
func TestImageIsWhatItsRecordsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := Empty()
		d := NewDelta(start)
		must(t, d.Replay(V0(&wire.FeatureLevelRecord{Name: FeatureMetadata, FeatureLevel: int16(MaxVersion)})))
		w := &world{t: t, img: d.Image(Provenance{})}
		d = NewDelta(w.img)
		whole := NewDelta(w.img)
		type kept struct {
			img  *Image
			text string
		}
		images := []kept{{w.img, dump(w.img)}}
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			m := w.next()
			if m == nil {
				continue
			}
			must(t, d.Replay(V0(m)))
			must(t, whole.Replay(V0(m)))
			w.img = d.Image(Provenance{})
			if why := w.img.check(); why != "" {
				t.Fatalf("after %s: %s", show(m), why)
			}
			if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
				checkChanges(t, d, w.img)
				images = append(images, kept{w.img, dump(w.img)})
				d = NewDelta(w.img)
			}
		}
		if a, b := dump(w.img), dump(whole.Image(Provenance{})); a != b {
			t.Fatalf("many deltas made\n%s\none made\n%s", a, b)
		}
		for _, k := range images {
			if now := dump(k.img); now != k.text {
				t.Fatalf("an image changed from\n%s\nto\n%s", k.text, now)
			}
			checkSnapshot(t, images[rapid.IntRange(0, len(images)-1).Draw(t, "base")].img, k.img)
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func show(m wire.Record) string { return fmt.Sprintf("%s %+v", wire.Name(m), m) }

// checkSnapshot reads the snapshot of img in the place of base.
func checkSnapshot(t *rapid.T, base, img *Image) {
	s := NewSnapshotDelta(base)
	for r := range img.Records() {
		data, err := wire.AppendMetadataRecord(nil, r.Msg, r.Version)
		must(t, err)
		m, v, err := wire.DecodeMetadataRecord(data)
		must(t, err)
		must(t, s.Replay(Record{m, v}))
	}
	got := s.Image(img.At)
	// Without the ELR feature a snapshot has no ELR, as Kafka's has none.
	if a, b := dump(img), dump(got); a != b {
		t.Fatalf("image\n%s\nits snapshot\n%s", a, b)
	}
	checkChanges(t, s, got)
}

// checkChanges compares what a delta says has changed with what has.
func checkChanges(t *rapid.T, d *Delta, next *Image) {
	said := map[model.TopicID]bool{}
	gone := true
	for c := range d.Topics() {
		if c.New == nil {
			said[c.Old.ID] = true
			if !gone {
				t.Fatal("a deletion after a creation")
			}
			continue
		}
		gone = false
		said[c.New.ID] = true
		for n := range c.Partitions() {
			if c.Old != nil && int(n) < len(c.Old.Partitions) && c.Old.Partitions[n].Equal(c.New.Partition(n)) {
				t.Fatalf("partition %d of %s is said to have changed", n, c.New.Name)
			}
		}
	}
	for _, side := range [][2]*Image{{d.Base(), next}, {next, d.Base()}} {
		for topic := range side[0].Topics.All() {
			o := side[1].Topics.ByID(topic.ID)
			same := o != nil && slices.EqualFunc(topic.Partitions, o.Partitions, (*Partition).Equal)
			if !same && !said[topic.ID] {
				t.Fatalf("%s changed and the delta does not say so", topic.Name)
			}
		}
		for r, m := range side[0].Configs.All() {
			if !maps.Equal(m, side[1].Configs.Of(r)) && !d.ConfigsChanged(r) {
				t.Fatalf("settings of %s changed and the delta does not say so", r)
			}
		}
		for b := range side[0].Cluster.Brokers() {
			if o := side[1].Cluster.Broker(b.ID); o != b && !slices.ContainsFunc(slices.Collect(d.Brokers()), func(c BrokerChange) bool { return c.Old == b || c.New == b }) {
				t.Fatalf("broker %d changed and the delta does not say so", b.ID)
			}
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	topic := &wire.TopicRecord{Name: "t", TopicId: tid(1)}
	part := wire.NewPartitionRecord()
	part.TopicId, part.PartitionId, part.Replicas, part.Isr, part.Directories = tid(1), 0, []int32{1}, []int32{1}, []model.UUID{tid(5)}
	with := func(change func(*wire.PartitionRecord)) *wire.PartitionRecord { p := *part; change(&p); return &p }
	alter := func(change func(*wire.PartitionChangeRecord)) *wire.PartitionChangeRecord {
		p := wire.NewPartitionChangeRecord()
		p.TopicId, p.PartitionId = tid(1), 0
		change(p)
		return p
	}
	broker := wire.NewRegisterBrokerRecord()
	broker.BrokerId, broker.BrokerEpoch = 1, 5
	cases := map[string][]wire.Record{
		"a name twice":                 {topic, &wire.TopicRecord{Name: "t", TopicId: tid(2)}},
		"an id twice":                  {topic, &wire.TopicRecord{Name: "u", TopicId: tid(1)}},
		"a partition of no topic":      {part},
		"a gap":                        {topic, with(func(p *wire.PartitionRecord) { p.PartitionId = 1 })},
		"a huge number":                {topic, with(func(p *wire.PartitionRecord) { p.PartitionId = math.MaxInt32 })},
		"a negative number":            {topic, with(func(p *wire.PartitionRecord) { p.PartitionId = -1 })},
		"too few directories":          {topic, with(func(p *wire.PartitionRecord) { p.Replicas = []int32{1, 2} })},
		"an unknown recovery state":    {topic, with(func(p *wire.PartitionRecord) { p.LeaderRecoveryState = 2 })},
		"a change of no topic":         {alter(func(*wire.PartitionChangeRecord) {})},
		"a change of no partition":     {topic, alter(func(*wire.PartitionChangeRecord) {})},
		"a change that loses a dir":    {topic, part, alter(func(p *wire.PartitionChangeRecord) { p.Replicas = []int32{1, 2} })},
		"a change of unknown recovery": {topic, part, alter(func(p *wire.PartitionChangeRecord) { p.LeaderRecoveryState = 9 })},
		"removal of no topic":          {&wire.RemoveTopicRecord{TopicId: tid(1)}},
		"ELR of no topic":              {&wire.ClearElrRecord{TopicName: "t"}},
		"an unknown metadata.version":  {&wire.FeatureLevelRecord{Name: FeatureMetadata, FeatureLevel: 99}},
		"a fence of no broker":         {&wire.FenceBrokerRecord{Id: 1}},
		"a fence of another epoch":     {broker, &wire.FenceBrokerRecord{Id: 1, Epoch: 6}},
		"a strange change":             {broker, &wire.BrokerRegistrationChangeRecord{BrokerId: 1, BrokerEpoch: 5, Fenced: 4}},
		"removal of no ACL":            {&wire.RemoveAccessControlEntryRecord{Id: tid(1)}},
		"an unknown mechanism":         {&wire.UserScramCredentialRecord{Mechanism: 7}},
		"a transaction in a delta":     {&wire.BeginTransactionRecord{}},
	}
	for name, recs := range cases {
		d := NewDelta(Empty())
		var err error
		for _, m := range recs {
			if err != nil {
				t.Fatalf("%s: refused too early: %s", name, err)
			}
			err = d.Replay(V0(m))
		}
		if err == nil {
			t.Errorf("%s was replayed", name)
		}
	}
}

// FuzzReplay replays records in any order: an error, never a panic, and an image
// that still holds together.
func FuzzReplay(f *testing.F) {
	seed := func(ms ...wire.Record) {
		var b []byte
		for _, m := range ms {
			data, err := wire.AppendMetadataRecord(nil, m, 0)
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, byte(len(data))), data...)
		}
		f.Add(b)
	}
	p := wire.NewPartitionRecord()
	p.TopicId, p.PartitionId, p.Replicas, p.Isr = tid(1), 0, []int32{1, 2}, []int32{1}
	c := wire.NewPartitionChangeRecord()
	c.TopicId, c.PartitionId, c.Isr = tid(1), 0, []int32{2}
	seed(&wire.TopicRecord{Name: "t", TopicId: tid(1)}, p, c, &wire.RemoveTopicRecord{TopicId: tid(1)})
	r := wire.NewRegisterBrokerRecord()
	r.BrokerId = 1
	seed(r, &wire.FenceBrokerRecord{Id: 1, Epoch: -1}, &wire.UnregisterBrokerRecord{BrokerId: 1})
	v := "1"
	seed(&wire.ConfigRecord{ResourceType: 2, ResourceName: "t", Name: "retention.ms", Value: &v}, &wire.FeatureLevelRecord{Name: FeatureMetadata, FeatureLevel: 33})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDelta(Empty())
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			m, version, err := wire.DecodeMetadataRecord(b[1 : 1+n])
			b = b[1+n:]
			if err != nil {
				continue
			}
			_ = d.Replay(Record{m, version}) // a refused record must leave the rest whole
		}
		img := d.Image(Provenance{})
		if why := img.check(); why != "" {
			t.Fatal(why)
		}
		for range img.RecordsAt(MinVersion, func(string) {}) {
		}
	})
}
