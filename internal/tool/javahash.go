package tool

import "unicode/utf16"

// Kafka's tools print some things in the order of a java.util.HashMap. hashed
// gives that order, so that the output is the same line for line: by bucket,
// and within a bucket in the order the keys came.

// hashed orders keys as a HashMap that grew from the default capacity, with
// the keys put in this order. (Buckets of eight and more entries, which Java
// keeps as trees, keep this order too.)
func hashed[K any](keys []K, hash func(K) int32) []K {
	return hashedIn(keys, hash, 16)
}

// hashedIn is hashed for a map of a given first capacity, a power of two.
func hashedIn[K any](keys []K, hash func(K) int32, capacity int) []K {
	for len(keys)*4 > capacity*3 {
		capacity *= 2
	}
	buckets := make([][]K, capacity)
	for _, k := range keys {
		h := uint32(hash(k))
		i := int(h^h>>16) & (capacity - 1)
		buckets[i] = append(buckets[i], k)
	}
	out := make([]K, 0, len(keys))
	for _, b := range buckets {
		out = append(out, b...)
	}
	return out
}

// hashString is String.hashCode.
func hashString(s string) int32 {
	var h int32
	for _, c := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(c)
	}
	return h
}

// hashPartition is TopicPartition.hashCode.
func hashPartition(p partition) int32 { return 31*(31+p.id) + hashString(p.topic) }

// hashedStrings is hashed for strings.
func hashedStrings(keys []string) []string { return hashed(keys, hashString) }

// tableSize is the capacity of new HashMap(n).
func tableSize(n int) int {
	c := 1
	for c < n {
		c *= 2
	}
	return c
}

// hashedCopy is the order of new HashMap(m) where m iterates as keys.
func hashedCopy[K any](keys []K, hash func(K) int32) []K {
	return hashedIn(keys, hash, tableSize(int(float32(len(keys))/0.75+1)))
}
