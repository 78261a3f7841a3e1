package jopt

import (
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"gregor/internal/tool/linebreak"
)

const (
	helpWidth = 80 // columns
	gap       = 2  // columns between options and descriptions
)

type row struct{ option, desc string }

// PrintHelp prints the table in two columns, sorted by name.
func (p *Parser) PrintHelp(w io.Writer) error {
	rows := p.rows()
	option, desc := widths(rows)
	option = min((helpWidth-gap)/2, option)
	desc = min(helpWidth-option-gap, desc)
	var fitted []row
	for _, r := range rows {
		fitted = append(fitted, fit(r, option, desc)...)
	}
	option, desc = widths(fitted)
	option = min((helpWidth-gap)/2, option)
	desc = min(helpWidth-option-gap, desc)
	var b strings.Builder
	for _, r := range fitted {
		pad(&b, r.option, option)
		b.WriteString("  ")
		pad(&b, r.desc, desc)
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Parser) rows() []row {
	head := []row{{"Option", "Description"}, {"------", "-----------"}}
	sorted := append([]*Option(nil), p.options...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Name() < sorted[j].Name() })
	for _, o := range sorted {
		if o.must {
			head[0].option, head[1].option = "Option (* = required)", "---------------------"
		}
	}
	rows := head
	for _, o := range sorted {
		rows = append(rows, row{o.display(), o.descDisplay()})
	}
	return rows
}

func (o *Option) display() string {
	var b strings.Builder
	if o.must {
		b.WriteString("* ")
	}
	for i, n := range o.names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('-')
		if len(n) > 1 {
			b.WriteByte('-')
		}
		b.WriteString(n)
	}
	if o.arg == none {
		return b.String()
	}
	open, shut := " <", ">"
	if o.arg == optional {
		open, shut = " [", "]"
	}
	b.WriteString(open + string(o.typ))
	if o.argDesc != "" {
		b.WriteString(": " + o.argDesc)
	}
	b.WriteString(shut)
	return b.String()
}

func (o *Option) descDisplay() string {
	switch len(o.defaults) {
	case 0:
		return o.desc
	case 1:
		return strings.TrimSpace(o.desc + " (default: " + o.defaults[0] + ")")
	}
	return strings.TrimSpace(o.desc + " (default: [" + strings.Join(o.defaults, ", ") + "])")
}

func widths(rows []row) (option, desc int) {
	for _, r := range rows {
		option = max(option, utf8.RuneCountInString(r.option))
		desc = max(desc, utf8.RuneCountInString(r.desc))
	}
	return option, desc
}

func fit(r row, option, desc int) []row {
	left, right := wrap(r.option, option), wrap(r.desc, desc)
	out := make([]row, max(len(left), len(right)))
	for i := range out {
		if i < len(left) {
			out[i].option = left[i]
		}
		if i < len(right) {
			out[i].desc = right[i]
		}
	}
	return out
}

// wrap breaks text into lines of at most width; lines after a break it made
// are indented by two.
func wrap(text string, width int) []string {
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		cur := ""
		for _, word := range linebreak.Pieces(line) {
			if utf8.RuneCountInString(cur)+utf8.RuneCountInString(word) > width {
				out = append(out, strings.TrimRight(cur, " \t"))
				cur = "  "
			}
			cur += word
		}
		if cur != "" {
			out = append(out, cur)
		}
	}
	return out
}

func pad(b *strings.Builder, s string, width int) {
	b.WriteString(s)
	for n := utf8.RuneCountInString(s); n < width; n++ {
		b.WriteByte(' ')
	}
}
