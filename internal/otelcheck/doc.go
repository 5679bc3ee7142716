// Package otelcheck reads memguard's metrics through the OpenTelemetry SDK. It
// is a module of its own, so that the SDK stays out of memguard's
// requirements. It has tests only.
package otelcheck
