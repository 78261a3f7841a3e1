package tool

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gregor/internal/tool/jopt"
)

// dumpOptions is the table of kafka-dump-log (DumpLogSegments of Apache Kafka).
type dumpOptions struct {
	options
	printData, verify, sanity, files, maxMessage, maxBytes, deep *jopt.Option
	valueDecoder, keyDecoder                                     *jopt.Option
	offsets, txnLog, metadata, remote, share, skipMetadata       *jopt.Option
}

const stringDecoder = "org.apache.kafka.tools.api.StringDecoder"

func newDumpOptions() dumpOptions {
	o := dumpOptions{options: newOptions()}
	o.printData = o.Accepts("print-data-log", "If set, printing the messages content when dumping data logs. Automatically set if any decoder option is specified.")
	o.verify = o.Accepts("verify-index-only", "If set, just verify the index log without printing its content.")
	o.sanity = o.Accepts("index-sanity-check", "If set, just checks the index sanity without printing its content. "+
		"This is the same check that is executed on broker startup to determine if an index needs rebuilding or not.")
	o.files = o.Accepts("files", "REQUIRED: The comma separated list of data and index log files to be dumped.").Arg("file1, file2, ...")
	o.maxMessage = o.Accepts("max-message-size", "Size of largest message.").Arg("size").OfType(jopt.Integer).Default("5242880")
	o.maxBytes = o.Accepts("max-bytes", "Limit the amount of total batches read in bytes avoiding reading the whole .log file(s).").
		Arg("size").OfType(jopt.Integer).Default("2147483647")
	o.deep = o.Accepts("deep-iteration", "If set, uses deep instead of shallow iteration. Automatically set if print-data-log is enabled.")
	const decoder = "This class should implement org.apache.kafka.tools.api.Decoder trait. Custom jar should be available in kafka/libs directory."
	o.valueDecoder = o.Accepts("value-decoder-class", "If set, used to deserialize the messages. "+decoder).OptionalArg("").Default(stringDecoder)
	o.keyDecoder = o.Accepts("key-decoder-class", "If set, used to deserialize the keys. "+decoder).OptionalArg("").Default(stringDecoder)
	o.offsets = o.Accepts("offsets-decoder", "If set, log data will be parsed as offset data from the __consumer_offsets topic.")
	o.txnLog = o.Accepts("transaction-log-decoder", "If set, log data will be parsed as transaction metadata from the __transaction_state topic.")
	o.metadata = o.Accepts("cluster-metadata-decoder", "If set, log data will be parsed as cluster metadata records.")
	o.remote = o.Accepts("remote-log-metadata-decoder", "If set, log data will be parsed as TopicBasedRemoteLogMetadataManager (RLMM) metadata records. "+
		"Instead, the value-decoder-class option can be used if a custom RLMM implementation is configured.")
	o.share = o.Accepts("share-group-state-decoder", "If set, log data will be parsed as share group state data from the __share_group_state topic.")
	o.skipMetadata = o.Accepts("skip-record-metadata", "Skip metadata when printing records. This flag also skips control records.")
	return o
}

// dump is one run of kafka-dump-log.
type dump struct {
	e            *env
	out          *bufferedOut
	contents     bool // print keys and values
	deep         bool
	skipMetadata bool
	verifyOnly   bool
	sanityOnly   bool
	maxMessage   int64
	maxBytes     int64
	decode       decoder

	gaps, mismatches        problemList
	timeMismatch, timeOrder problemList
	shallowNotFound         problemList
}

// problemList is what is wrong with each file, as the end of the run prints
// it.
type problemList struct {
	files []string
	lines map[string][]string
}

func (p *problemList) add(path, format string, a ...any) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if p.lines == nil {
		p.lines = map[string][]string{}
	}
	if p.lines[path] == nil {
		p.files = append(p.files, path)
	}
	p.lines[path] = append(p.lines[path], fmt.Sprintf(format, a...))
}

func (p *problemList) print(e *env, head string) {
	for _, f := range hashed(p.files, hashString) {
		e.eprintln(head + f)
		for _, l := range p.lines[f] {
			e.eprintln(l)
		}
	}
}

func runDumpLog(e *env, args []string) int {
	o := newDumpOptions()
	s, err := o.parse(args)
	if err != nil {
		return e.thrown(0, err)
	}
	err = o.helpOrVersion(s, args, "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.")
	if err == nil {
		err = o.need(s, o.files)
	}
	if status, done := e.usageError(err); done {
		return status
	}
	d := &dump{
		e: e, out: newBufferedOut(e.Stdout), deep: s.Has(o.deep), skipMetadata: s.Has(o.skipMetadata),
		verifyOnly: s.Has(o.verify), sanityOnly: s.Has(o.sanity), maxMessage: s.Int(o.maxMessage), maxBytes: s.Int(o.maxBytes),
	}
	for _, opt := range []*jopt.Option{o.printData, o.offsets, o.txnLog, o.metadata, o.remote, o.valueDecoder, o.keyDecoder, o.share} {
		d.contents = d.contents || s.Has(opt)
	}
	d.deep = d.deep || d.contents
	files := strings.Split(s.Str(o.files), ",")
	if err = optionError(s.Err()); err == nil {
		err = d.run(files, func() (decoder, error) { return o.decoder(s) })
	}
	d.out.Flush() // standard output: there is nobody to tell
	if err != nil {
		return e.thrown(0, err)
	}
	d.report()
	return 0
}

func (o *dumpOptions) decoder(s *jopt.Set) (decoder, error) {
	switch {
	case s.Has(o.offsets):
		return offsetsDecoder, nil
	case s.Has(o.txnLog):
		return txnLogDecoder, nil
	case s.Has(o.metadata):
		return clusterMetadataDecoder, nil
	case s.Has(o.remote):
		return remoteLogDecoder, nil
	case s.Has(o.share):
		return shareStateDecoder, nil
	}
	value, ok := plainDecoders[s.Str(o.valueDecoder)]
	key, okKey := plainDecoders[s.Str(o.keyDecoder)]
	if !ok || !okKey {
		name := s.Str(o.valueDecoder)
		if ok {
			name = s.Str(o.keyDecoder)
		}
		return nil, &exception{class: runtimeError, msg: "Failed to load decoder class", cause: throw("java.lang.ClassNotFoundException", "%s", name)}
	}
	return fieldsDecoder(key, value), nil
}

// run dumps the files. As in Kafka, the decoder is only looked for once a file
// needs one.
func (d *dump) run(files []string, find func() (decoder, error)) error {
	for _, f := range files {
		d.out.text("Dumping " + f + "\n")
		if ext := filepath.Ext(f); d.decode == nil && (ext == ".log" || ext == ".checkpoint") {
			var err error
			if d.decode, err = find(); err != nil {
				return err
			}
		}
		if err := d.file(f); err != nil {
			return err
		}
	}
	return nil
}

// file dumps one file, by its suffix.
func (d *dump) file(path string) error {
	name := filepath.Base(path)
	dot := strings.LastIndexByte(name, '.')
	suffix := ""
	if dot >= 0 {
		suffix = name[dot:]
	}
	switch suffix {
	case ".log", ".checkpoint":
		return d.log(path, suffix)
	case ".index":
		return d.index(path)
	case ".timeindex":
		return d.timeIndex(path)
	case ".snapshot":
		return d.snapshot(path)
	case ".txnindex":
		return d.txnIndex(path)
	}
	d.out.Flush() // so that the streams keep their order on a terminal
	d.e.eprintln("Ignoring unknown file " + path)
	return nil
}

func (d *dump) report() {
	d.mismatches.print(d.e, "Mismatches in :")
	d.timeMismatch.print(d.e, "Found timestamp mismatch in :")
	d.timeOrder.print(d.e, "Found out of order timestamp in :")
	d.shallowNotFound.print(d.e, "The following indexed offsets are not found in :")
	d.gaps.print(d.e, "Non-consecutive offsets in ")
}

// baseOffset is the offset in a file's name, up to its first dot.
func baseOffset(path string) (int64, error) {
	text, _, _ := strings.Cut(filepath.Base(path), ".")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, throw("java.lang.NumberFormatException", "For input string: \"%s\"", text)
	}
	return n, nil
}

// openFile opens a file to read; the error is Java's.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, 0, throw("java.nio.file.AccessDeniedException", "%s", path)
		}
		return nil, 0, throw("java.nio.file.NoSuchFileException", "%s", path)
	}
	st, err := f.Stat()
	if err == nil && st.Size() > math.MaxInt32 {
		err = throw(kafkaError, "The size of segment %s (%d) is larger than the maximum allowed segment size of %d", path, st.Size(), math.MaxInt32)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}
