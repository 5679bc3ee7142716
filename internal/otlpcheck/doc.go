// Package otlpcheck exports memguard's metrics over OTLP to the OpenTelemetry
// Collector's own receiver, also while that is down. It is a module of its own,
// so that the SDK, gRPC and the Collector stay out of memguard's requirements.
// It has tests only.
package otlpcheck
