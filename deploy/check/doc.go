// Package check holds the tests of what is deployed beside memguard: the alert
// rules and the dashboard, held against the metric table and against a real
// Prometheus that scrapes a real program. It is a module of its own, so that
// nobody who uses memguard carries a Prometheus client.
package check
