package handler

import "gregor/internal/wire"

// row says who serves a key, on the listeners of brokers and of controllers.
type row struct{ broker, controller side }

// side is the function for one kind of listener, and whether the owner it needs
// is there.
type side struct {
	serve Func
	needs func(*Services) bool
}

const keyCount = wire.KeyUnregisterController + 1

// table is every key that is served, by key.
var table = [keyCount]row{
	wire.KeyApiVersions: {broker: side{apiVersions, nil}, controller: side{apiVersions, nil}},
}
