// Package record knows Kafka's record batches: the bytes that producers send,
// logs hold and consumers fetch. A Batch is a view of one batch in a byte
// slice; it is checked, patched in place and passed on without being copied.
//
// What is where:
//
//   - batch.go: Batch, the header's fields, Next to walk a row of batches, CRC.
//   - records.go: Records, to walk the records inside a batch, compressed or not.
//   - validate.go, rewrite.go: Validator, what a leader checks and rewrites
//     before it appends (Kafka's LogValidator and UnifiedLog.analyzeAndValidateRecords).
//   - builder.go, control.go: making batches, data and control.
//   - producers*.go: Producers, the state of idempotent and transactional
//     producers of one partition, and its snapshot file.
//
// Message sets of magic 0 and 1 are recognised (Next, Batch.Magic) and refused
// with Kafka's error.
//
// The package is pure: no I/O, no clock, no locks. Coders are pooled in the
// package codec below it.
//
// Sources: DefaultRecordBatch, DefaultRecord, MemoryRecordsBuilder,
// LogValidator, ProducerStateManager and ProducerAppendInfo of Apache Kafka 4.3;
// KIP-98 (batch v2, producers), KIP-360, KIP-890, KIP-1228.
package record
