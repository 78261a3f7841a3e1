package tool

import (
	"slices"
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// topicInfo is what Java's client knows of a topic.
type topicInfo struct {
	name       string
	id         model.UUID
	partitions []partitionInfo // by number
}

// partitionInfo is what it knows of a partition; leader is -1 if there is
// none, elr and lastELR are nil where the server does not say.
type partitionInfo struct {
	id                          int32
	leader                      int32
	replicas, isr, elr, lastELR []int32
}

func (t *topicInfo) sort() {
	sort.Slice(t.partitions, func(i, j int) bool { return t.partitions[i].id < t.partitions[j].id })
}

// listTopics are the names of all topics, sorted.
func (a *admin) listTopics(internal bool) ([]string, error) {
	out, err := a.topicNames(internal)
	sort.Strings(out)
	return out, err
}

// topicNames are the names of all topics in the order Java's client has them.
func (a *admin) topicNames(internal bool) ([]string, error) {
	resp, err := a.metadata(nil, "listTopics")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range resp.Topics {
		if t.Topic != nil && (internal || !t.IsInternal) {
			out = append(out, *t.Topic)
		}
	}
	return hashedStrings(out), nil
}

// describeTopics describes topics by name, in the order Java's client returns
// them; page is the most partitions to ask for at once. An error of one topic
// is the error of all.
func (a *admin) describeTopics(names []string, page int32) ([]*topicInfo, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return nil, nil
	}
	found, err := a.topicPartitions(names, page)
	if err != nil && isClass(err, unsupported) {
		found, err = a.topicMetadata(names)
	}
	if err != nil {
		return nil, err
	}
	order := hashedIn(names, hashString, tableSize(len(names)))
	order = hashedIn(hashedCopy(order, hashString), hashString, tableSize(len(names)))
	var out []*topicInfo
	for _, n := range order {
		t := found[n]
		if t == nil {
			return nil, throw(pkgErrors+"UnknownTopicOrPartitionException", "Topic %s not found.", n)
		}
		t.sort()
		out = append(out, t)
	}
	return out, nil
}

// topicPartitions asks with DescribeTopicPartitions (KIP-966), page by page.
func (a *admin) topicPartitions(names []string, page int32) (map[string]*topicInfo, error) {
	found := map[string]*topicInfo{}
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = page
	for _, n := range names {
		t := kmsg.NewDescribeTopicPartitionsRequestTopic()
		t.Topic = n
		req.Topics = append(req.Topics, t)
	}
	for {
		resp, err := must[*kmsg.DescribeTopicPartitionsResponse](a.do(req, "describeTopicPartitions"))
		if err != nil {
			return nil, err
		}
		for i := range resp.Topics {
			if err := addTopic(found, &resp.Topics[i]); err != nil {
				return nil, err
			}
		}
		next := resp.NextCursor
		if next == nil {
			return found, nil
		}
		if c := req.Cursor; c != nil && c.Topic == next.Topic && c.Partition == next.Partition {
			return nil, throw(kafkaError, "the server answered DescribeTopicPartitions with the same cursor twice, %s-%d", next.Topic, next.Partition)
		}
		c := kmsg.NewDescribeTopicPartitionsRequestCursor()
		c.Topic, c.Partition = next.Topic, next.Partition
		req.Cursor = &c
		for len(req.Topics) > 0 && req.Topics[0].Topic < next.Topic {
			req.Topics = req.Topics[1:]
		}
	}
}

func addTopic(found map[string]*topicInfo, t *kmsg.DescribeTopicPartitionsResponseTopic) error {
	if err := codeError(t.ErrorCode, nil); err != nil {
		return err
	}
	if t.Topic == nil {
		return nil
	}
	info := found[*t.Topic]
	if info == nil {
		info = &topicInfo{name: *t.Topic, id: t.TopicID}
		found[*t.Topic] = info
	}
	for _, p := range t.Partitions {
		info.partitions = append(info.partitions, partitionInfo{
			id: p.Partition, leader: p.LeaderID, replicas: p.Replicas, isr: p.ISR,
			elr: orEmpty(p.EligibleLeaderReplicas), lastELR: orEmpty(p.LastKnownELR),
		})
	}
	return nil
}

func orEmpty(ids []int32) []int32 {
	if ids == nil {
		return []int32{}
	}
	return ids
}

// topicMetadata asks with Metadata, as servers older than 3.8 need.
func (a *admin) topicMetadata(names []string) (map[string]*topicInfo, error) {
	resp, err := a.metadata(names, "describeTopics")
	if err != nil {
		return nil, err
	}
	found := map[string]*topicInfo{}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		if err := codeError(t.ErrorCode, nil); err != nil {
			return nil, err
		}
		found[*t.Topic] = metadataTopic(t)
	}
	return found, nil
}

func metadataTopic(t *kmsg.MetadataResponseTopic) *topicInfo {
	info := &topicInfo{name: *t.Topic, id: t.TopicID}
	for _, p := range t.Partitions {
		info.partitions = append(info.partitions, partitionInfo{id: p.Partition, leader: p.Leader, replicas: p.Replicas, isr: p.ISR})
	}
	info.sort()
	return info
}

// describeTopicID describes a topic by its id.
func (a *admin) describeTopicID(id model.UUID) (*topicInfo, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	t := kmsg.NewMetadataRequestTopic()
	t.TopicID = id
	req.Topics = []kmsg.MetadataRequestTopic{t}
	resp, err := must[*kmsg.MetadataResponse](a.do(req, "describeTopicsWithIds"))
	if err != nil {
		return nil, err
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil || t.TopicID != id {
			continue
		}
		if err := codeError(t.ErrorCode, nil); err != nil {
			return nil, err
		}
		return metadataTopic(t), nil
	}
	return nil, throw(pkgErrors+kerr.UnknownTopicId.Exception(), "TopicId %s not found.", id)
}
