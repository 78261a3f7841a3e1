package wire

// API describes one API key.
type API struct {
	Key           int16
	Name          string // Fetch
	MinVersion    int16  // lowest defined
	MaxVersion    int16  // highest defined
	FirstFlexible int16  // first flexible version, -1: none
	Unstable      bool   // MaxVersion is not released and never advertised

	advertised [3]advertised
}

// Listener is a kind of listener; each serves its own set of keys.
type Listener int

// The kinds of listeners.
const (
	BrokerListener     Listener = iota // of a KRaft broker
	ControllerListener                 // of a KRaft controller
	ZKBrokerListener                   // of a broker with ZooKeeper, as in Kafka 3.9
)

type advertised struct{ lo, hi, acceptLo, acceptHi int16 }

var none = advertised{0, -1, 0, -1}

// Advertised is the range of versions Apache Kafka announces in ApiVersions
// on that kind of listener (4.4; for ZKBrokerListener 3.9). ok is false if it
// does not serve the key there.
func (a *API) Advertised(l Listener) (lo, hi int16, ok bool) {
	x := a.advertised[l]
	return x.lo, x.hi, x.lo <= x.hi
}

// Accepts reports whether Apache Kafka accepts the version there. It differs
// from Advertised for Produce 0 to 2 alone, which are announced for the sake
// of old librdkafka and refused.
func (a *API) Accepts(l Listener, version int16) bool {
	x := a.advertised[l]
	return x.acceptLo <= version && version <= x.acceptHi
}

// Flexible reports whether that version is flexible.
func (a *API) Flexible(version int16) bool {
	return a.FirstFlexible >= 0 && version >= a.FirstFlexible
}

// RequestHeaderVersion is the version of the header before a request of that
// version. ControlledShutdown 0 alone has a header without client id.
func (a *API) RequestHeaderVersion(version int16) int16 {
	switch {
	case a.Key == KeyControlledShutdown && version == 0:
		return 0
	case a.Flexible(version):
		return 2
	}
	return 1
}

// ResponseHeaderVersion is the version of the header before the response.
// That of ApiVersions never changes: the client cannot know yet what the
// server speaks (KIP-511).
func (a *API) ResponseHeaderVersion(version int16) int16 {
	if a.Key != KeyApiVersions && a.Flexible(version) {
		return 1
	}
	return 0
}

// APIByKey is the description of a key, nil if there is no such key.
func APIByKey(key int16) *API {
	if key < 0 || int(key) >= len(apis) {
		return nil
	}
	return &apis[key]
}

// APIs is every key's description, indexed by key. Not to be changed.
func APIs() []API { return apis[:] }
