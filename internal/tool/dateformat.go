package tool

import (
	"fmt"
	"strings"
	"time"
)

// javaDate formats a time by a pattern of java.text.SimpleDateFormat.
func javaDate(pattern string, t time.Time) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", badArgument("Unterminated quote")
			}
			if end == 0 {
				b.WriteByte('\'')
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
			continue
		}
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			b.WriteByte(c)
			i++
			continue
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		text, ok := dateField(c, n, t)
		if !ok {
			return "", badArgument("Illegal pattern character '%c'", c)
		}
		b.WriteString(text)
		i += n
	}
	return b.String(), nil
}

// dateField is one letter of a pattern, n times.
func dateField(c byte, n int, t time.Time) (string, bool) {
	number := func(v int) (string, bool) { return fmt.Sprintf("%0*d", n, v), true }
	word := func(long string, short int) (string, bool) {
		if n < 4 {
			long = long[:min(short, len(long))]
		}
		return long, true
	}
	hour12 := t.Hour() % 12
	switch c {
	case 'G':
		return "AD", true
	case 'y', 'Y':
		if n == 2 {
			return fmt.Sprintf("%02d", t.Year()%100), true
		}
		return number(t.Year())
	case 'M', 'L':
		if n >= 3 {
			return word(t.Month().String(), 3)
		}
		return number(int(t.Month()))
	case 'd':
		return number(t.Day())
	case 'D':
		return number(t.YearDay())
	case 'E':
		return word(t.Weekday().String(), 3)
	case 'u':
		return number((int(t.Weekday())+6)%7 + 1)
	case 'a':
		return t.Format("PM"), true
	case 'H':
		return number(t.Hour())
	case 'k':
		return number((t.Hour()+23)%24 + 1)
	case 'K':
		return number(hour12)
	case 'h':
		return number((hour12+11)%12 + 1)
	case 'm':
		return number(t.Minute())
	case 's':
		return number(t.Second())
	case 'S':
		return number(t.Nanosecond() / int(time.Millisecond))
	case 'z':
		return t.Format("MST"), true
	case 'Z':
		return t.Format("-0700"), true
	case 'X':
		return t.Format([]string{"Z07", "Z0700", "Z07:00"}[min(n, 3)-1]), true
	}
	return "", false
}
