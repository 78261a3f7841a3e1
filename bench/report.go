package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func (rep *report) markdown() string {
	var b strings.Builder
	host, _ := os.ReadFile("/proc/version")
	v := strings.Fields(string(host))
	kernel := ""
	if len(v) > 2 {
		kernel = v[2]
	}
	fmt.Fprintf(&b, "# gregor beside Apache Kafka\n\n%s, Linux %s, medians of %d rounds of %s each, taken in turn; Apache Kafka warmed up for %s.\nPrebuilt frames, %d requests in flight on each connection, page cache, %s at both ends, loopback.\n1 GB is 10⁹ bytes. The floor only receives, checks the CRC, writes and serves back.\n",
		time.Now().UTC().Format("2006-01-02"), kernel, *rounds, *each, *warm, window, congestion)
	b.WriteString("\n## Broker's CPU-seconds per GB\n\n| row | Kafka | gregor | floor | gregor ÷ Kafka | goal | gregor ÷ floor | MB/s Kafka / gregor / floor | p99 ms Kafka / gregor |\n|-|-|-|-|-|-|-|-|-|\n")
	for _, r := range rep.rows {
		if r.kind == "produce" || r.kind == "fetch" {
			rep.line(&b, r)
		}
	}
	b.WriteString("\n## Latency, ms\n\n| row | Kafka p50 / p99 / p99.9 | gregor | floor | gregor ÷ Kafka, p99 | goal | cores Kafka / gregor |\n|-|-|-|-|-|-|-|\n")
	for _, r := range rep.rows {
		if r.kind != "latency" {
			continue
		}
		k, g := rep.value(r, "kafka"), rep.value(r, "gregor")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s / %s |\n", r.name, rep.latency(r, "kafka"), rep.latency(r, "gregor"), rep.latency(r, "floor"), ratio(g, k), goal(r.goal), rep.cores(r, "kafka"), rep.cores(r, "gregor"))
	}
	b.WriteString("\n## Small requests, CPU-µs each\n\n| row | Kafka | gregor | gregor ÷ Kafka | goal |\n|-|-|-|-|-|\n")
	for _, r := range rep.rows {
		if r.kind == "small" {
			k, g := rep.value(r, "kafka"), rep.value(r, "gregor")
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.name, number(k), number(g), ratio(g, k), goal(r.goal))
		}
	}
	b.WriteString("\n## Start, memory, partitions\n\n| what | unit | Kafka | gregor | gregor ÷ Kafka | goal |\n|-|-|-|-|-|-|\n")
	for _, e := range rep.extra {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", e.name, e.unit, number(e.values["kafka"]), number(e.values["gregor"]), ratio(e.values["gregor"], e.values["kafka"]), e.goal)
	}
	return b.String()
}

func (rep *report) value(r row, kind string) float64 {
	v, _ := rep.median(r.name, kind, r.figure())
	return v
}

func (rep *report) line(b *strings.Builder, r row) {
	k, g, f := rep.value(r, "kafka"), rep.value(r, "gregor"), rep.value(r, "floor")
	rate := func(kind string) string {
		v, _ := rep.median(r.name, kind, func(s sample) float64 { return s.mbps })
		return number(v)
	}
	p99 := func(kind string) string {
		v, _ := rep.median(r.name, kind, func(s sample) float64 { return ms(s.p99) })
		return number(v)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s / %s / %s | %s / %s |\n", r.name, number(k), number(g), number(f), ratio(g, k), goal(r.goal), ratio(g, f),
		rate("kafka"), rate("gregor"), rate("floor"), p99("kafka"), p99("gregor"))
}

func (rep *report) latency(r row, kind string) string {
	f := func(get func(sample) time.Duration) string {
		v, ok := rep.median(r.name, kind, func(s sample) float64 { return ms(get(s)) })
		if !ok {
			return "–"
		}
		return number(v)
	}
	return f(func(s sample) time.Duration { return s.p50 }) + " / " + f(func(s sample) time.Duration { return s.p99 }) + " / " + f(func(s sample) time.Duration { return s.p999 })
}

func (rep *report) cores(r row, kind string) string {
	v, _ := rep.median(r.name, kind, func(s sample) float64 { return s.cores })
	return number(v)
}

func number(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func goal(g float64) string {
	if g == 0 {
		return ""
	}
	return fmt.Sprintf("≤ %.2f", g)
}

// plot is a bar chart of the produce and fetch rows: gregor's and the floor's
// CPU per GB as a share of Kafka's.
func (rep *report) plot() string {
	var rows []row
	for _, r := range rep.rows {
		if r.kind == "produce" || r.kind == "fetch" {
			rows = append(rows, r)
		}
	}
	const width, left, bar, gap = 760, 250, 12, 10
	height := 50 + len(rows)*(2*bar+gap)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="10" y="20" font-size="14">Broker CPU per GB, Apache Kafka = 1 (shorter is better)</text>`+"\n", width, height)
	for i, r := range rows {
		k := rep.value(r, "kafka")
		if k == 0 {
			continue
		}
		y := 40 + i*(2*bar+gap)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+bar+4, r.name)
		for j, kind := range []string{"gregor", "floor"} {
			v := rep.value(r, kind) / k
			w := v * (width - left - 60)
			colour := [...]string{"#2b6cb0", "#cbd5e0"}[j]
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" font-size="10">%s %.2f</text>`+"\n", left, y+j*bar, w, bar-1, colour, float64(left)+w+4, y+j*bar+9, kind, v)
		}
	}
	fmt.Fprintf(&b, `<line x1="%d" y1="32" x2="%d" y2="%d" stroke="#c53030"/></svg>`+"\n", width-60, width-60, height-8)
	return b.String()
}
