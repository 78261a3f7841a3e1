package argparse

import (
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"gregor/internal/tool/linebreak"
)

const helpColumn = 25 // where help texts begin

// formatWidth is the columns to use of a terminal that has that many.
func formatWidth(columns int) int {
	if columns <= 5 {
		return 75
	}
	return columns - 5
}

// Print prints the usage of the table the error belongs to, the error, and
// what may have been meant.
func (e *Error) Print(w io.Writer, columns int) {
	width := formatWidth(columns)
	var b strings.Builder
	b.WriteString(e.parser.usage(width))
	b.WriteString(wrap(e.parser.prog+": error: "+e.Msg+"\n", width, 0, ""))
	if near := e.meant(); near != nil {
		b.WriteString("\nDid you mean:\n")
		for _, n := range near {
			b.WriteString("\t" + n + "\n")
		}
	}
	io.WriteString(w, b.String()) // stderr: there is nobody to tell
}

// meant are the known words closest to what was typed.
func (e *Error) meant() []string {
	type candidate struct {
		distance int
		word     string
	}
	var all []candidate
	for _, k := range e.known {
		bare := strings.TrimLeft(k, "-")
		d := 0
		if !strings.HasPrefix(bare, e.near) {
			d = distance(e.near, bare)
		}
		all = append(all, candidate{d, k})
	}
	if len(all) == 0 {
		return nil
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].distance != all[j].distance {
			return all[i].distance < all[j].distance
		}
		return all[i].word < all[j].word
	})
	if all[0].distance >= 7 {
		return nil
	}
	var out []string
	for _, c := range all {
		if c.distance == all[0].distance {
			out = append(out, c.word)
		}
	}
	return out
}

// distance is the cost of making a into b: swapping neighbours 0, another
// letter 2, a letter more 1, a letter less 4.
func distance(a, b string) int {
	const substitute, insert, remove = 2, 1, 4
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j * insert
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i * remove
		for j := 1; j <= len(b); j++ {
			cost := prev[j-1]
			if a[i-1] != b[j-1] {
				cost += substitute
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cost = min(cost, before[j-2])
			}
			cur[j] = min(cost, prev[j]+remove, cur[j-1]+insert)
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}

// PrintHelp prints the help of the table.
func (p *Parser) PrintHelp(w io.Writer, columns int) {
	io.WriteString(w, p.helpText(formatWidth(columns))) // a terminal: there is nobody to tell
}

func (p *Parser) helpText(width int) string {
	var b strings.Builder
	b.WriteString(p.usage(width))
	if p.desc != "" {
		b.WriteString("\n" + wrap(p.desc, width, 0, "") + "\n")
	}
	section := p.title != ""
	if inDefault(p.pos) || len(p.commands) > 0 && !section {
		b.WriteString("\npositional arguments:\n")
		p.argHelp(&b, p.pos, width)
		if !section {
			p.commandsHelp(&b, width)
		}
	}
	if inDefault(p.opts) {
		b.WriteString("\noptional arguments:\n")
		p.argHelp(&b, p.opts, width)
	}
	if len(p.commands) > 0 && section {
		b.WriteString("\n" + p.title + ":\n")
		p.commandsHelp(&b, width)
	}
	for _, g := range p.groups {
		if g.separate() {
			b.WriteByte('\n')
			g.help(&b, width)
		}
	}
	return b.String()
}

func inDefault(args []*Arg) bool {
	for _, a := range args {
		if a.group == nil || !a.group.separate() {
			return true
		}
	}
	return false
}

func (p *Parser) argHelp(b *strings.Builder, args []*Arg, width int) {
	for _, a := range args {
		if a.group == nil || !a.group.separate() {
			p.oneHelp(b, a, width)
		}
	}
}

func (g *Group) help(b *strings.Builder, width int) {
	if g.title != "" {
		b.WriteString(g.title + ":\n")
	}
	if g.desc != "" {
		b.WriteString("  " + wrap(g.desc, width, 2, "  ") + "\n\n")
	}
	for _, a := range g.args {
		g.parser.oneHelp(b, a, width)
	}
}

func (p *Parser) oneHelp(b *strings.Builder, a *Arg, width int) {
	text := a.help
	if p.defaultHelp && a.def != nil {
		if text != "" {
			text += " "
		}
		text += "(default: " + a.def[0] + ")"
	}
	entry(b, a.title(), text, width)
}

func (p *Parser) commandsHelp(b *strings.Builder, width int) {
	if len(p.commands) == 0 {
		return
	}
	entry(b, p.commandsMeta(), "", width)
	for _, c := range p.commands {
		if c.commandHelp != "" {
			entry(b, "  "+c.command, c.commandHelp, width)
		}
	}
}

// entry prints a title and, from helpColumn, its text.
func entry(b *strings.Builder, title, text string, width int) {
	b.WriteString("  " + title)
	if text == "" {
		b.WriteByte('\n')
		return
	}
	n := utf8.RuneCountInString(title)
	if n > 21 {
		b.WriteByte('\n')
		b.WriteString(strings.Repeat(" ", helpColumn))
	} else {
		b.WriteString(strings.Repeat(" ", helpColumn-n-2))
	}
	b.WriteString(wrap(text, width, helpColumn, strings.Repeat(" ", helpColumn)) + "\n")
}

func (a *Arg) title() string {
	if len(a.flags) == 0 {
		return a.name()
	}
	var parts []string
	for _, f := range a.flags {
		if m := a.meta(); m != "" {
			f += " " + m
		}
		parts = append(parts, f)
	}
	return strings.Join(parts, ", ")
}

// name is what one value is called in usage and help.
func (a *Arg) name() string {
	switch {
	case a.metavar != "":
		return a.metavar
	case a.choices != nil:
		return "{" + strings.Join(a.choices, ",") + "}"
	case len(a.flags) == 0:
		return a.dest
	}
	return strings.ToUpper(strings.ReplaceAll(a.dest, "-", "_"))
}

// meta is how the value or values are written in usage and help.
func (a *Arg) meta() string {
	if !a.TakesValue() {
		return ""
	}
	m := a.name()
	switch {
	case a.many && a.min == 0:
		return "[" + m + " [" + m + " ...]]"
	case a.many:
		return m + " [" + m + " ...]"
	}
	return m
}

func (a *Arg) short(bracket bool) string {
	if len(a.flags) == 0 {
		return a.meta()
	}
	s := a.flags[0]
	if m := a.meta(); m != "" {
		s += " " + m
	}
	if bracket && !a.required {
		return "[" + s + "]"
	}
	return s
}

func (p *Parser) commandsMeta() string {
	if p.metavar != "" {
		return p.metavar
	}
	var names []string
	for _, c := range p.commands {
		names = append(names, c.command)
	}
	return "{" + strings.Join(names, ",") + "}"
}

func (p *Parser) usage(width int) string {
	head := "usage: " + p.prog
	var b strings.Builder
	b.WriteString(head)
	indent := utf8.RuneCountInString(head)
	col := indent
	if indent > 28 {
		b.WriteString("\n      ")
		indent, col = 6, 12 // argparse4j counts the first indent twice
	}
	first := true
	for _, w := range p.usageWords() {
		n := utf8.RuneCountInString(w)
		if !first && col+n+1 > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			col = indent
		}
		first = false
		b.WriteString(" " + w)
		col += n + 1
	}
	b.WriteByte('\n')
	return b.String()
}

func (p *Parser) usageWords() []string {
	words := p.parent.upperUsage()
	if p.command != "" {
		words = append(words, p.command)
	}
	for _, a := range p.opts {
		if a.group == nil || !a.group.mutex {
			words = append(words, a.short(true))
		}
	}
	for _, g := range p.groups {
		words = append(words, g.usage(false)...)
	}
	for _, a := range p.pos {
		words = append(words, a.short(true))
	}
	if len(p.commands) > 0 {
		words = append(words, p.commandsMeta(), "...")
	}
	return words
}

// upperUsage is what must stand before a command.
func (p *Parser) upperUsage() []string {
	if p == nil {
		return nil
	}
	words := p.parent.upperUsage()
	if p.command != "" {
		words = append(words, p.command)
	}
	for _, a := range p.opts {
		if a.required && (a.group == nil || !a.group.mutex) {
			words = append(words, a.short(true))
		}
	}
	for _, g := range p.groups {
		words = append(words, g.usage(true)...)
	}
	for _, a := range p.pos {
		words = append(words, a.short(true))
	}
	return words
}

func (g *Group) usage(requiredOnly bool) []string {
	if !g.mutex || len(g.args) == 0 || requiredOnly && !g.required {
		return nil
	}
	if len(g.args) == 1 {
		return []string{g.args[0].short(!g.required)}
	}
	open, shut := "[", "]"
	if g.required {
		open, shut = "(", ")"
	}
	var words []string
	for i, a := range g.args {
		w := a.short(false)
		if i == 0 {
			w = open + w
		} else {
			words = append(words, "|")
		}
		if i == len(g.args)-1 {
			w += shut
		}
		words = append(words, w)
	}
	return words
}

// wrap justifies text to width columns. The first line begins at column
// offset, the others with indent; the last line, and those before a line end
// of the text, stay as they are.
func wrap(text string, width, offset int, indent string) string {
	var b strings.Builder
	line, col := "", offset
	for _, word := range linebreak.Pieces(text) {
		n := utf8.RuneCountInString(word)
		if col+n > width {
			b.WriteString(justify(line, width, col) + "\n" + indent)
			line, col = "", len(indent)
		}
		line += word
		col += n
		if strings.HasSuffix(word, "\n") {
			b.WriteString(line + indent)
			line, col = "", len(indent)
		}
	}
	b.WriteString(line)
	return b.String()
}

// justify spreads spaces over the gaps of line, the odd ones around the
// middle. col is the column its end stands at.
func justify(line string, width, col int) string {
	trimmed := strings.Trim(line, " ")
	col -= len(line) - len(trimmed)
	gaps := 0
	for i := range trimmed {
		if trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			gaps++
		}
	}
	if gaps == 0 {
		return trimmed
	}
	each, odd := (width-col)/gaps, (width-col)%gaps
	from := (gaps - odd + 1) / 2
	var b strings.Builder
	gap := 0
	for i := range trimmed {
		if trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			n := each
			if gap >= from && gap < from+odd {
				n++
			}
			b.WriteString(strings.Repeat(" ", n))
			gap++
		}
		b.WriteByte(trimmed[i])
	}
	return b.String()
}
