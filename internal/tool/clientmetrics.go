package tool

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// clientMetrics counts what a client does, under the names that Java's clients
// give their metrics. --print-metrics prints those that franz-go can tell.
type clientMetrics struct {
	start                                        time.Time
	connections, closed                          atomic.Int64
	requests, responses, bytesOut, bytesIn       atomic.Int64
	sent, failed, batches, uncompressed, written atomic.Int64
	consumed, consumedBytes, fetches             atomic.Int64
}

func newClientMetrics() *clientMetrics { return &clientMetrics{start: time.Now()} }

// The following are hooks of franz-go.

func (m *clientMetrics) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		m.connections.Add(1)
	}
}

func (m *clientMetrics) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { m.closed.Add(1) }

func (m *clientMetrics) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	m.requests.Add(1)
	m.bytesOut.Add(int64(n))
}

func (m *clientMetrics) OnBrokerRead(_ kgo.BrokerMetadata, key int16, n int, _, _ time.Duration, _ error) {
	m.responses.Add(1)
	m.bytesIn.Add(int64(n))
	if key == 1 {
		m.fetches.Add(1)
	}
}

func (m *clientMetrics) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.ProduceBatchMetrics) {
	m.batches.Add(1)
	m.uncompressed.Add(int64(b.UncompressedBytes))
	m.written.Add(int64(b.CompressedBytes))
}

func (m *clientMetrics) OnProduceRecordUnbuffered(_ *kgo.Record, err error) {
	if err == nil {
		m.sent.Add(1)
	} else {
		m.failed.Add(1)
	}
}

func (m *clientMetrics) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics) {
	m.consumed.Add(int64(b.NumRecords))
	m.consumedBytes.Add(int64(b.CompressedBytes))
}

// print prints the metrics of a producer or consumer sorted by name
// (ToolsUtils.printMetrics).
func (m *clientMetrics) print(e *env, kind, id string) {
	elapsed := time.Since(m.start).Seconds()
	rows := map[string]float64{}
	set := func(group, name string, v float64) { rows[fmt.Sprintf("%s:%s:{client-id=%s}", group, name, id)] = v }
	total := func(group, name string, n int64) {
		set(group, name+"-total", float64(n))
		set(group, name+"-rate", float64(n)/elapsed)
	}
	g := kind + "-metrics"
	set(g, "connection-count", float64(m.connections.Load()-m.closed.Load()))
	total(g, "connection-creation", m.connections.Load())
	total(g, "connection-close", m.closed.Load())
	total(g, "request", m.requests.Load())
	total(g, "response", m.responses.Load())
	total(g, "network-io", m.requests.Load()+m.responses.Load())
	total(g, "outgoing-byte", m.bytesOut.Load())
	total(g, "incoming-byte", m.bytesIn.Load())
	if kind == "producer" {
		total(g, "record-send", m.sent.Load())
		total(g, "record-error", m.failed.Load())
		if n := float64(m.batches.Load()); n > 0 {
			set(g, "batch-size-avg", float64(m.written.Load())/n)
			set(g, "records-per-request-avg", float64(m.sent.Load())/n)
			set(g, "compression-rate-avg", float64(m.written.Load())/float64(max(m.uncompressed.Load(), 1)))
		}
	} else {
		g = "consumer-fetch-manager-metrics"
		total(g, "fetch", m.fetches.Load())
		total(g, "records-consumed", m.consumed.Load())
		total(g, "bytes-consumed", m.consumedBytes.Load())
	}
	width := 0
	for name := range rows {
		width = max(width, len(name))
	}
	e.printf("\n%-*s   %s\n", width, "Metric Name", "Value")
	for _, name := range sortedKeys(rows) {
		e.printf("%-*s : %.3f\n", width, name, rows[name])
	}
}
