package otlpcheck

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// freeAddress is one on the loopback where nobody listens. Its port is below
// those that the kernel gives to outgoing connections, which could take it.
func freeAddress(t *testing.T) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000))))
		if err != nil {
			continue
		}
		if err = l.Close(); err == nil {
			return l.Addr().String()
		}
	}
	t.Fatalf("no free port: %v", err)
	return ""
}

// collector is the receiver of the OpenTelemetry Collector, and what arrived.
type collector struct {
	sink     consumertest.MetricsSink
	receiver receiver.Metrics
}

// collect receives at an address until the test ends or stop.
func collect(t *testing.T, over protocol, address string) *collector {
	t.Helper()
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	if over == overGRPC {
		config.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = address
	} else {
		config.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = address
	}
	c := &collector{}
	var err error
	c.receiver, err = factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()), config, &c.sink)
	if err == nil {
		err = c.receiver.Start(t.Context(), componenttest.NewNopHost())
	}
	if err != nil {
		t.Fatalf("receiver at %s: %v", address, err)
	}
	t.Cleanup(func() { c.stop(t) })
	return c
}

func (c *collector) stop(t *testing.T) {
	t.Helper()
	if c.receiver == nil {
		return
	}
	if err := c.receiver.Shutdown(context.Background()); err != nil {
		t.Errorf("shut the receiver down: %v", err)
	}
	c.receiver = nil
}
