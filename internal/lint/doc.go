// Package lint holds the rules of the house as tests: which room may import
// which, what pure rooms must not touch, that every package says what it is
// for, and how long a file or a function may get. A failure says what to do
// instead.
package lint
