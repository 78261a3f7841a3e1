// Package linebreak says where a line of help text may be broken. The tools'
// help is laid out as Java's line breaker does it, so that it looks the same
// as Apache Kafka's column for column.
//
// Source: the behaviour of java.text.BreakIterator's line instance, root
// locale, on ASCII and dashes; other scripts break at white space only.
package linebreak

import "strings"

const (
	closing = `!"%),.:;?]}` // stays with what stands before it
	opening = `$'([{`       // stays with what follows
)

// Pieces cuts s at every place where a line may end. Joined again they are s;
// white space belongs to the piece before it.
func Pieces(s string) []string {
	var out []string
	r := []rune(s)
	start := 0
	for i := 1; i < len(r); i++ {
		if breaks(r, i) {
			out = append(out, string(r[start:i]))
			start = i
		}
	}
	if start < len(r) {
		out = append(out, string(r[start:]))
	}
	return out
}

// breaks reports whether a line may end between r[i-1] and r[i].
func breaks(r []rune, i int) bool {
	prev, next := r[i-1], r[i]
	in := func(set string, c rune) bool { return strings.ContainsRune(set, c) }
	switch {
	case prev == '\n' || prev == '\t':
		return true
	case next == ' ' || next == '\t' || next == '\n':
		return false
	case prev == ' ':
		return true
	case in(opening, prev), prev == '"' && opensWord(r, i-1):
		return false
	case isDash(prev):
		return !isDash(next) && !in("$'", next) && !startsNumber(r, i)
	case in(closing, prev):
		return !in(closing, next) && !in("$'", next) && !insideNumber(r, i)
	case in("([{", next):
		return true
	default:
		return !isDigit(next) && !isDash(next) && !in(closing, next) && !in("$'", next) && endsNumber(r, i)
	}
}

func isDash(c rune) bool { return c == '-' || c >= '\u2010' && c <= '\u2015' }

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

// startsNumber: the minus sign before r[i] belongs to a number.
func startsNumber(r []rune, i int) bool {
	return isDigit(r[i]) && (opensWord(r, i-1) || breaks(r, i-1))
}

// endsNumber: before r[i] ends a number with a minus sign, a point or a comma.
// (Digits alone are part of the word they stand in.)
func endsNumber(r []rune, i int) bool {
	j, parts := i, false
	for j > 0 && (isDigit(r[j-1]) || j < i && insideNumber(r, j)) {
		parts = parts || !isDigit(r[j-1])
		j--
	}
	if j == i {
		return false
	}
	if j > 0 && isDash(r[j-1]) && startsNumber(r, j) {
		return true
	}
	return parts && (opensWord(r, j) || breaks(r, j))
}

// opensWord: r[i] stands at the start of a word.
func opensWord(r []rune, i int) bool {
	return i == 0 || r[i-1] == ' ' || r[i-1] == '\t' || strings.ContainsRune(opening, r[i-1])
}

// insideNumber: r[i-1] is the point or comma of a number.
func insideNumber(r []rune, i int) bool {
	if !isDigit(r[i]) || r[i-1] != '.' && r[i-1] != ',' || i < 2 {
		return false
	}
	return isDigit(r[i-2])
}
