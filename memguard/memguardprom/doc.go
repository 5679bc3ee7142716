// Package memguardprom exports memguard's metrics to Prometheus without the
// OpenTelemetry SDK:
//
//	guard, err := memguard.Start()
//	...
//	prometheus.MustRegister(memguardprom.New(guard))
//	http.Handle("/metrics", promhttp.Handler())
//
// Names, types and labels are those that OpenTelemetry's Prometheus exporter
// makes of the same metrics: memguard.usage is memguard_usage_bytes. They are
// listed in docs/metrics.md. All values of a scrape are of one moment, the last
// sample; a scrape opens no file.
//
// It is a module of its own, so that the client library stays out of programs
// that export in another way.
package memguardprom
