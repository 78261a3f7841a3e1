package argparse

// Fail is an error that the tool itself found in the command line; it prints
// as those of parsing do.
func (p *Parser) Fail(msg string) *Error { return &Error{Msg: msg, parser: p} }
