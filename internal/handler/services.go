package handler

import (
	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/model"
)

// Services are the owners that requests are passed to. A nil one is not there:
// the keys that need it are neither served nor advertised.
type Services struct {
	// Self is this node's id, ClusterID its cluster.
	Self      model.BrokerID
	ClusterID string

	// Metadata is the cluster as this node knows it.
	Metadata Metadata
	// Settings are the broker's settings in force.
	Settings Settings
	// Replicas are this broker's partitions.
	Replicas Replicas
	// LogDirs describes the log directories.
	LogDirs LogDirs
	// ProducerIDs hands out producer ids.
	ProducerIDs ProducerIDs

	// Admin is what the keys of administration need.
	Admin Admin

	// Quorum is this node's replica of the metadata log; controllers have it.
	Quorum Quorum

	// Groups is the group coordinator.
	Groups Groups
	// TopicCreator makes the topics that the broker needs itself.
	TopicCreator TopicCreator

	// Authorizer decides who may; nil allows everything, as Kafka without
	// authorizer.class.name.
	Authorizer Authorizer
	// Quotas decide who is slowed down; nil is nobody.
	Quotas Quotas
}

// Metadata is the cluster's metadata.
type Metadata interface {
	// Image is the newest image. It is never nil.
	Image() *metadata.Image
}

// Settings are the settings of the broker, which may change while it runs.
type Settings interface {
	// Values are the settings in force. The result does not change; a new one
	// is returned after a change.
	Values() *config.Values
}
