package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// scaleRows measures start, memory and many partitions, each on a fresh
// directory, gregor and Apache Kafka in turn.
func scaleRows(rep *report) error {
	for _, k := range rep.kinds {
		if k == "floor" {
			continue
		}
		log.Printf("start, memory, connections: %s", k)
		if err := rep.startAndMemory(k); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		for _, n := range []int{1000, 10000} {
			if k == "kafka" && n > *kafkaMax {
				log.Printf("%d partitions: not asked of %s (-kafka-partitions)", n, k)
				continue
			}
			log.Printf("%d partitions: %s", n, k)
			if err := rep.partitions(k, n); err != nil {
				return fmt.Errorf("%s, %d partitions: %w", k, n, err)
			}
			if err := rep.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (rep *report) set(name, unit, goal, kind string, v float64) {
	for i := range rep.extra {
		if rep.extra[i].name == name {
			rep.extra[i].values[kind] = v
			return
		}
	}
	rep.extra = append(rep.extra, extra{name: name, unit: unit, goal: goal, values: map[string]float64{kind: v}})
}

const mb = 1e6

func (rep *report) startAndMemory(kind string) error {
	s, err := newServer(kind, filepath.Join(*dir, "scale"))
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	defer s.stop(syscall.SIGKILL)
	if err := s.start(); err != nil {
		return err
	}
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.topic("first", 1); err != nil {
		return err
	}
	rep.set("start to the first acknowledged record, new directory", "ms", "≤ 150", kind, ms(time.Since(s.began)))
	s.stop(syscall.SIGTERM)
	var starts []float64
	for i := 0; i < 3; i++ {
		if err := s.start(); err != nil {
			return err
		}
		if err := firstRecord(s); err != nil {
			return err
		}
		starts = append(starts, ms(time.Since(s.began)))
		if i < 2 {
			s.stop(syscall.SIGTERM)
		}
	}
	rep.set("restart to the first acknowledged record, best of 3", "ms", "≤ 150", kind, min(starts[0], starts[1], starts[2]))
	time.Sleep(5 * time.Second)
	idle := s.rss()
	rep.set("resident memory, idle", "MB", "≤ 40", kind, float64(idle)/mb)
	var conns []net.Conn
	const n = 2000
	for i := 0; i < n; i++ {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	time.Sleep(2 * time.Second)
	rep.set("an idle connection, of 2,000", "bytes", "≤ 4,096", kind, float64(s.rss()-idle)/n)
	for _, c := range conns {
		c.Close()
	}
	rep.set("resident memory after the table above", "MB", "", kind, float64(rep.loaded[kind])/mb)
	return nil
}

// firstRecord produces until a record is acknowledged, connecting anew as long
// as nobody listens.
func firstRecord(s *server) error {
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		c, err := dial(s.addr)
		if err != nil {
			continue
		}
		err = s.writable(c, "first", 0)
		c.c.Close()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("no record acknowledged in 5 minutes")
}

func (rep *report) partitions(kind string, n int) error {
	s, err := newServer(kind, filepath.Join(*dir, "scale"))
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	defer s.stop(syscall.SIGKILL)
	if err := s.start(); err != nil {
		return err
	}
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.topic("first", 1); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	rss, cpu, began := s.rss(), s.cpu(), time.Now()
	// A topic with more is refused: one request may not lead to more than
	// 10,000 records.
	const each = 1000
	for i := 0; i < n; i += each {
		if err := s.topic(fmt.Sprintf("many%d", i/each), each); err != nil {
			return err
		}
	}
	label := fmt.Sprintf("%d partitions: ", n)
	rep.set(label+"created in", "ms", "≤ ⅒ of Kafka", kind, ms(time.Since(began)))
	rep.set(label+"created with", "CPU-ms", "≤ ⅒ of Kafka", kind, ms(s.cpu()-cpu))
	time.Sleep(2 * time.Second)
	rep.set(label+"memory of each", "bytes", "≤ 1,024", kind, float64(s.rss()-rss)/float64(n))
	for _, sig := range []struct {
		name string
		sig  syscall.Signal
		goal string
	}{{"clean restart", syscall.SIGTERM, "≤ 1,000"}, {"restart after kill −9", syscall.SIGKILL, "≤ 5,000"}} {
		s.stop(sig.sig)
		if err := s.start(); err != nil {
			return err
		}
		c, err := s.connect()
		if err != nil {
			return err
		}
		if err := s.writable(c, fmt.Sprintf("many%d", n/each-1), each-1); err != nil {
			return err
		}
		c.c.Close()
		goal := ""
		if n == 10000 {
			goal = sig.goal
		}
		rep.set(label+sig.name+" to an acknowledged record", "ms", goal, kind, ms(time.Since(s.began)))
	}
	return nil
}

func (s *server) connect() (*client, error) {
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c, err := dial(s.addr); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("nobody listens on %s", s.addr)
}
