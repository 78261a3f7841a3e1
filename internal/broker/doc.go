// Package broker is a broker's life with the controller: how it reaches the
// active one, registers, heartbeats until it may serve, hands its leaderships
// over before it stops; and the blocks of producer ids it is given.
//
//	ch := broker.NewChannel(broker.ChannelOptions{…})   // this process's controller, or over peer
//	life := broker.NewLife(broker.LifeOptions{Channel: ch, …})
//	life.Start()
//	life.Published(image)                               // after every publication
//	<-life.Serving()                                    // registered, caught up, unfenced
//	life.Shutdown(limit)                                // controlled shutdown
//
// state.go decides and is pure; life.go is the shell with its one goroutine.
//
// Source: BrokerLifecycleManager, NodeToControllerChannelManager and
// RPCProducerIdManager of Apache Kafka 4.3; KIP-631, KIP-730, KIP-858, KIP-966.
package broker
