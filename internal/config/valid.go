package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Error is a setting that cannot be accepted, in Kafka's words: which key,
// which value, what was expected.
type Error struct{ Msg string }

func (e *Error) Error() string { return e.Msg }

func invalid(name, value, why string) *Error {
	return &Error{Msg: fmt.Sprintf("Invalid value %s for configuration %s: %s", value, name, why)}
}

// Value is a parsed value: one of the fields is set, by type.
type Value struct {
	Null bool
	Int  int64 // Int, Short, Long; Boolean is 0 or 1
	Num  float64
	Str  string // String, Class, Password
	List []string
}

// Validator checks a parsed value beyond its type. String is Kafka's text for
// it in documentation.
type Validator interface {
	Check(k *Key, v Value) error
	String() string
}

// Check is Parse without the value.
func (k *Key) Check(text string) error {
	_, err := k.Parse(text)
	return err
}

// Parse reads text as a value of k and checks it.
func (k *Key) Parse(text string) (Value, error) {
	v, err := k.parseType(text)
	if err != nil {
		return v, err
	}
	if k.Valid != nil {
		if err := k.Valid.Check(k, v); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (k *Key) parseType(text string) (Value, error) {
	t := strings.TrimSpace(text)
	switch k.Type {
	case Boolean:
		switch {
		case strings.EqualFold(t, "true"):
			return Value{Int: 1}, nil
		case strings.EqualFold(t, "false"):
			return Value{}, nil
		}
		return Value{}, invalid(k.Name, t, "Expected value to be either true or false")
	case Int, Short, Long:
		bits := map[Type]int{Int: 32, Short: 16, Long: 64}[k.Type]
		n, err := strconv.ParseInt(t, 10, bits)
		if err != nil {
			return Value{}, invalid(k.Name, t, "Not a number of type "+k.Type.String())
		}
		return Value{Int: n}, nil
	case Double:
		f, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return Value{}, invalid(k.Name, t, "Not a number of type DOUBLE")
		}
		return Value{Num: f}, nil
	case List:
		return Value{List: SplitList(t)}, nil
	case Password:
		return Value{Str: t}, nil
	}
	return Value{Str: t}, nil
}

// SplitList splits a comma-separated value; white space around commas goes.
func SplitList(s string) []string {
	if s == "" {
		return []string{}
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

type between struct {
	min, max       float64
	hasMin, hasMax bool
	text           string
}

func atLeast(min float64) Validator {
	return between{min: min, hasMin: true, text: "[" + num(min) + ",...]"}
}

func within(min, max float64) Validator {
	return between{min: min, max: max, hasMin: true, hasMax: true, text: "[" + num(min) + ",...," + num(max) + "]"}
}

func num(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (b between) String() string { return b.text }

func (b between) Check(k *Key, v Value) error {
	f, text := float64(v.Int), strconv.FormatInt(v.Int, 10)
	if k.Type == Double {
		f, text = v.Num, javaDouble(v.Num)
	}
	bound := func(x float64) string { return num(x) }
	if b.hasMin && f < b.min {
		return invalid(k.Name, text, "Value must be at least "+bound(b.min))
	}
	if b.hasMax && f > b.max {
		return invalid(k.Name, text, "Value must be no more than "+bound(b.max))
	}
	return nil
}

// javaDouble prints f as Java's Double.toString: with an exponent from 10^7 up
// and below 10^-3, and at least one digit behind the point.
func javaDouble(f float64) string {
	if abs := math.Abs(f); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	digits, exp, ok := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !ok {
		return digits // infinite, or no number
	}
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	e, _ := strconv.Atoi(exp)
	return digits + "E" + strconv.Itoa(e)
}

type withinOr struct {
	min, max, or int64
}

func (w withinOr) String() string { return fmt.Sprintf("[%d,...,%d] or %d", w.min, w.max, w.or) }

func (w withinOr) Check(k *Key, v Value) error {
	if v.Int != w.or && (v.Int < w.min || v.Int > w.max) {
		return invalid(k.Name, strconv.FormatInt(v.Int, 10),
			fmt.Sprintf("Value must be between %d and %d or equal to %d", w.min, w.max, w.or))
	}
	return nil
}

type oneOf struct {
	values []string
	fold   bool
}

func anyOf(values ...string) Validator     { return oneOf{values: values} }
func anyOfFold(values ...string) Validator { return oneOf{values: values, fold: true} }

func (o oneOf) String() string {
	s := "[" + strings.Join(o.values, ", ") + "]"
	if o.fold {
		return "(case insensitive) " + s
	}
	return s
}

func (o oneOf) has(s string) bool {
	for _, x := range o.values {
		if x == s || o.fold && strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

func (o oneOf) Check(k *Key, v Value) error {
	items := v.List
	if k.Type != List {
		items = []string{v.Str}
	}
	for i, s := range items {
		if k.Type == List {
			if s == "" {
				return &Error{Msg: "Configuration '" + k.Name + "' values must not be empty."}
			}
			for _, t := range items[:i] {
				if s == t {
					return &Error{Msg: "Configuration '" + k.Name + "' values must not be duplicated."}
				}
			}
		}
		if !o.has(s) {
			how := "String must be one of: "
			if o.fold {
				how = "String must be one of (case insensitive): "
			}
			return invalid(k.Name, s, how+strings.Join(o.values, ", "))
		}
	}
	return nil
}

// check is a Validator made of a text and a function.
type check struct {
	text string
	fn   func(k *Key, v Value) error
}

func (c check) String() string              { return c.text }
func (c check) Check(k *Key, v Value) error { return c.fn(k, v) }

var nonEmptyString = check{"non-empty string", func(k *Key, v Value) error {
	if v.Str == "" {
		return invalid(k.Name, "", "String must be non-empty")
	}
	return nil
}}

var nonEmptyList = check{"non-empty list", func(k *Key, v Value) error {
	for _, s := range v.List {
		if s == "" {
			return invalid(k.Name, strings.Join(v.List, ","), "List entries must be non-empty")
		}
	}
	return nil
}}

// throttledReplicas is the value of {leader,follower}.replication.throttled.replicas:
// "*", nothing, or partition:broker pairs.
var throttledReplicas = check{"[partitionId]:[brokerId],[partitionId]:[brokerId],...", func(k *Key, v Value) error {
	if len(v.List) == 1 && (v.List[0] == "*" || v.List[0] == "") {
		return nil
	}
	for _, s := range v.List {
		p, b, ok := strings.Cut(s, ":")
		if !ok || !digits(p) || !digits(b) {
			return invalid(k.Name, strings.Join(v.List, ","), k.Name+" must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...")
		}
	}
	return nil
}}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// autoOffsetReset is the value of share.auto.offset.reset: latest, earliest or
// by_duration: and an ISO-8601 duration.
var autoOffsetReset = check{"[latest, earliest, by_duration:PnDTnHnMn.nS]", func(k *Key, v Value) error {
	s := strings.ToLower(v.Str)
	if s == "latest" || s == "earliest" || strings.HasPrefix(s, "by_duration:p") {
		return nil
	}
	return invalid(k.Name, v.Str, "Invalid value `"+v.Str+"` for configuration "+k.Name+". The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS.>'.")
}}
