package replica

import (
	"errors"
	"fmt"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/storage"
)

// Start takes the first complete image: logs of partitions that the metadata
// does not give this broker, or gives to another incarnation of the topic, are
// put aside (-stray), and the others become partitions.
func (s *Set) Start(img *metadata.Image, now model.Millis) {
	for l := range s.o.Dirs.Logs() {
		if why := s.stray(l, img); why != "" {
			s.o.Log.Warn(fmt.Sprintf("Putting aside stray replica %s: %s", l.Partition(), why))
			if err := s.o.Dirs.MarkStray(l); err != nil {
				s.o.Log.Error(fmt.Sprintf("Could not put aside stray replica %s", l.Partition()), "err", err)
			}
		}
	}
	s.image.Store(img)
	var woken partition.Woken
	for t := range img.Topics.All() {
		s.changed(metadata.TopicChange{New: t}, img, now, &woken)
	}
	woken.Fire()
	s.work.start(s)
}

// stray says why a log found at start is none of this broker's; empty if it is.
func (s *Set) stray(l *storage.Log, img *metadata.Image) string {
	tp := l.Partition()
	if l.TopicID().IsZero() {
		return "it does not have a topic id"
	}
	t := img.Topics.ByID(l.TopicID())
	if t == nil {
		return fmt.Sprintf("topic id %s is not known", l.TopicID())
	}
	p := t.Partition(tp.Partition)
	if t.Name != tp.Topic || p == nil {
		return "the topic has no such partition"
	}
	if !slices.Contains(p.Replicas, s.o.Self) {
		return fmt.Sprintf("the partition's replicas are %v", p.Replicas)
	}
	return ""
}

// Apply takes what changed in the metadata; img is the image after d.
func (s *Set) Apply(d *metadata.Delta, img *metadata.Image, now model.Millis) {
	s.image.Store(img)
	var woken partition.Woken
	for c := range d.Topics() {
		s.changed(c, img, now, &woken)
	}
	s.settings(d, img, now, &woken)
	woken.Fire()
}

// changed applies one topic's change.
func (s *Set) changed(c metadata.TopicChange, img *metadata.Image, now model.Millis, woken *partition.Woken) {
	if c.New == nil {
		s.drop(c.Old, now, woken)
		return
	}
	t := s.local(c.New.ID)
	for n := range c.Partitions() {
		reg := c.New.Partition(n)
		mine := reg != nil && slices.Contains(reg.Replicas, s.o.Self)
		p := t.part(n)
		switch {
		case !mine && p != nil:
			s.remove(t, n, now, woken)
			t = s.local(c.New.ID)
			continue
		case !mine:
			continue
		}
		if t == nil {
			t = s.add(c.New, img)
		}
		if p == nil {
			p = s.create(t, n, reg)
			s.put(t, n, p)
		}
		if p == offline {
			continue
		}
		if err := p.Apply(registration(reg), now, woken); err != nil {
			s.o.Log.Error(fmt.Sprintf("Could not apply the metadata of partition %s", p.Name()), "err", err)
		}
	}
}

func registration(r *metadata.Partition) *partition.Registration {
	return &partition.Registration{
		Leader: r.Leader, LeaderEpoch: r.LeaderEpoch, PartitionEpoch: r.PartitionEpoch,
		Replicas: r.Replicas, ISR: r.ISR, Adding: r.Adding(), Removing: r.Removing(),
		Recovering: r.Recovery == metadata.Recovering,
	}
}

// local is the topic if this broker has partitions of it, else nil.
func (s *Set) local(id model.TopicID) *topic {
	sh := s.byID(id)
	sh.RLock()
	defer sh.RUnlock()
	return sh.topics[id]
}

// add enters a topic, without partitions.
func (s *Set) add(m *metadata.Topic, img *metadata.Image) *topic {
	t := &topic{name: m.Name, id: m.ID, cfg: s.config(img.Configs.Topic(m.Name))}
	names, ids := s.byName(t.name), s.byID(t.id)
	names.Lock()
	names.topics[t.name] = t
	names.Unlock()
	ids.Lock()
	ids.topics[t.id] = t
	ids.Unlock()
	return t
}

// config is the Config for a topic's own settings; those without share one.
func (s *Set) config(settings map[string]string) *partition.Config {
	if len(settings) > 0 {
		return s.o.TopicConfig(settings)
	}
	if s.plain == nil {
		s.plain = s.o.TopicConfig(nil)
	}
	return s.plain
}

// put enters, or with nil removes, a partition. Both shards' lookups read the
// slice, and Each reads one it has taken along: what lies in a slice once set
// is never changed, so it is replaced, or made longer, under both locks. Making
// it longer is what happens to a new topic, which may have thousands.
func (s *Set) put(t *topic, n int32, p *partition.Partition) {
	parts := t.parts
	if int(n) < len(parts) {
		parts = slices.Clone(parts)
		parts[n] = p
	} else {
		for len(parts) < int(n) {
			parts = append(parts, nil)
		}
		parts = append(parts, p)
	}
	s.putAll(t, parts)
}

func (s *Set) putAll(t *topic, parts []*partition.Partition) {
	names, ids := s.byName(t.name), s.byID(t.id)
	names.Lock()
	defer names.Unlock()
	ids.Lock()
	defer ids.Unlock()
	t.parts = parts
}

// create opens or makes the partition's log; offline if that fails.
func (s *Set) create(t *topic, n int32, reg *metadata.Partition) *partition.Partition {
	tp := model.TopicPartition{Topic: t.name, Partition: n}
	dir, _ := reg.Dir(s.o.Self)
	l, err := s.log(tp, t, dir)
	if err != nil {
		s.o.Log.Error(fmt.Sprintf("Could not make the log of partition %s", tp), "err", err)
		return offline
	}
	l.SetConfig(t.cfg.Log)
	if l.DirID() != dir && s.o.Placed != nil {
		s.o.Placed(model.TopicIDPartition{ID: t.id, Topic: t.name, Partition: n}, l.DirID())
	}
	return partition.New(&s.env, l, t.id, t.cfg)
}

func (s *Set) log(tp model.TopicPartition, t *topic, dir model.DirectoryID) (*storage.Log, error) {
	l := s.o.Dirs.Log(tp)
	if l != nil && l.TopicID() != t.id {
		// Of an earlier incarnation, which this broker did not see deleted.
		s.o.Log.Warn(fmt.Sprintf("Putting aside the log of %s: it has topic id %s, the topic has %s", tp, l.TopicID(), t.id))
		if err := s.o.Dirs.MarkStray(l); err != nil {
			return nil, err
		}
		l = nil
	}
	if l != nil {
		return l, nil
	}
	if dir == model.DirLost || dir == model.DirMigrating {
		dir = model.DirUnassigned
	}
	l, err := s.o.Dirs.Create(tp, t.id, dir, t.cfg.Log)
	if errors.Is(err, storage.ErrExists) {
		if l = s.o.Dirs.Log(tp); l != nil {
			return l, nil
		}
	}
	return l, err
}

// drop removes all partitions of a deleted topic.
func (s *Set) drop(m *metadata.Topic, now model.Millis, woken *partition.Woken) {
	t := s.local(m.ID)
	if t == nil {
		return
	}
	parts := t.parts
	s.putAll(t, nil)
	s.forget(t)
	for _, p := range parts {
		s.end(p, now, woken)
	}
	s.work.poke()
}

func (s *Set) forget(t *topic) {
	names, ids := s.byName(t.name), s.byID(t.id)
	names.Lock()
	if names.topics[t.name] == t {
		delete(names.topics, t.name)
	}
	names.Unlock()
	ids.Lock()
	delete(ids.topics, t.id)
	ids.Unlock()
}

// remove stops a partition and deletes its log.
func (s *Set) remove(t *topic, n int32, now model.Millis, woken *partition.Woken) {
	p := t.parts[n]
	s.put(t, n, nil)
	if !slices.ContainsFunc(t.parts, func(p *partition.Partition) bool { return p != nil }) {
		s.forget(t)
	}
	s.end(p, now, woken)
	s.work.poke()
}

// end ends a partition that nobody finds any more; p may be nil or offline.
func (s *Set) end(p *partition.Partition, now model.Millis, woken *partition.Woken) {
	if p == nil || p == offline {
		return
	}
	p.Stop(kerr.UnknownTopicOrPartition, woken)
	if err := s.o.Dirs.Delete(p.Log(), now); err != nil {
		s.o.Log.Error(fmt.Sprintf("Could not delete the log of partition %s", p.Name()), "err", err)
	}
}

// settings applies changed settings of topics; for those of the broker see
// Reconfigure.
func (s *Set) settings(d *metadata.Delta, img *metadata.Image, now model.Millis, woken *partition.Woken) {
	for _, r := range d.Configs() {
		if r.Type == metadata.TopicResource {
			s.reconfigure(r.Name, img, now, woken)
		}
	}
}

func (s *Set) reconfigure(name string, img *metadata.Image, now model.Millis, woken *partition.Woken) {
	cfg := s.config(img.Configs.Topic(name))
	sh := s.byName(name)
	sh.Lock()
	t := sh.topics[name]
	if t != nil {
		t.cfg = cfg
	}
	sh.Unlock()
	if t == nil {
		return
	}
	for _, p := range t.parts {
		if p != nil && p != offline {
			p.SetConfig(cfg, now, woken)
		}
	}
}

// Reconfigure gives all partitions their settings anew, after the broker's
// defaults have changed.
func (s *Set) Reconfigure(now model.Millis) {
	s.plain = nil
	img := s.image.Load()
	var names []string
	for i := range s.names {
		sh := &s.names[i]
		sh.RLock()
		for name := range sh.topics {
			names = append(names, name)
		}
		sh.RUnlock()
	}
	var woken partition.Woken
	for _, name := range names {
		s.reconfigure(name, img, now, &woken)
	}
	woken.Fire()
}
