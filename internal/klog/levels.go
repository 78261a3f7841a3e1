package klog

import (
	"fmt"
	"log/slog"
	"sort"
	"strings"
	"sync"
)

// Levels holds the level of each logger; a logger without one inherits from
// the nearest name it starts with, and at last from root. Safe for concurrent
// use. It is what the broker-logger resource of DescribeConfigs shows and
// IncrementalAlterConfigs changes (KIP-412).
type Levels struct {
	mu struct {
		sync.RWMutex
		set  map[string]slog.Level
		seen map[string]bool
	}
}

// maxSeen bounds the names remembered for listing; they come from code, not
// from input.
const maxSeen = 1000

// NewLevels is the given level for every logger.
func NewLevels(root slog.Level) *Levels {
	l := &Levels{}
	l.mu.set = map[string]slog.Level{"root": root}
	l.mu.seen = map[string]bool{"root": true}
	return l
}

func (l *Levels) of(name string) slog.Level {
	l.mu.RLock()
	level, known := l.lookupLocked(name), l.mu.seen[name]
	l.mu.RUnlock()
	if !known {
		l.mu.Lock()
		if len(l.mu.seen) < maxSeen {
			l.mu.seen[name] = true
		}
		l.mu.Unlock()
	}
	return level
}

func (l *Levels) lookupLocked(name string) slog.Level {
	for n := name; n != ""; {
		if v, ok := l.mu.set[n]; ok {
			return v
		}
		i := strings.LastIndexByte(n, '.')
		if i < 0 {
			break
		}
		n = n[:i]
	}
	return l.mu.set["root"]
}

// Set gives name a level of its own.
func (l *Levels) Set(name string, level slog.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.set[name] = level
	l.mu.seen[name] = true
}

// Unset takes name's own level away; root keeps its.
func (l *Levels) Unset(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name != "root" {
		delete(l.mu.set, name)
	}
}

// Known reports whether a logger of that name has been used.
func (l *Levels) Known(name string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.seen[name]
}

// All lists every logger used so far with the level in force.
func (l *Levels) All() map[string]string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := map[string]string{}
	for n := range l.mu.seen {
		out[n] = levelName(l.lookupLocked(n))
	}
	return out
}

var levelByName = map[string]slog.Level{
	"TRACE": LevelTrace, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": LevelFatal,
}

// ParseLevel reads a level's name.
func ParseLevel(s string) (slog.Level, error) {
	if v, ok := levelByName[s]; ok {
		return v, nil
	}
	names := make([]string, 0, len(levelByName))
	for n := range levelByName {
		names = append(names, n)
	}
	sort.Strings(names)
	return 0, fmt.Errorf("unknown log level %q; expected one of %s", s, strings.Join(names, ", "))
}
