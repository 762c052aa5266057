package executor

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor/actortest"
)

// The connection for barriers is made like the given one while others set listeners on that, as services of one process do:
// it takes none of them, and everything else.
func TestConnectionForBarriersIsMadeLikeTheGivenOne(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		nc := b.Connect(nats.Name("given"))
		var others sync.WaitGroup
		others.Go(func() {
			for range 100 {
				nc.SetClosedHandler(func(*nats.Conn) {})
				nc.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
				nc.SetReconnectHandler(func(*nats.Conn) {})
				nc.SetDisconnectErrHandler(func(*nats.Conn, error) {})
			}
		})
		var o nats.Options
		for range 100 {
			o = optionsOf(nc)
		}
		others.Wait()
		like, of := reflect.ValueOf(o), reflect.ValueOf(nc.Opts)
		for i := range like.NumField() {
			f := like.Type().Field(i)
			if !f.IsExported() {
				t.Errorf("field %s cannot be taken", f.Name)
				continue
			}
			listener := strings.HasSuffix(f.Name, "CB") && f.Name != "SignatureCB" && f.Name != "TLSCertCB" && f.Name != "RootCAsCB" && f.Name != "CustomReconnectDelayCB" && f.Name != "ReconnectToServerCB"
			if !listener && like.Field(i).IsZero() != of.Field(i).IsZero() || listener && !like.Field(i).IsZero() {
				t.Errorf("%s is taken: %v, and was set: %v", f.Name, !like.Field(i).IsZero(), !of.Field(i).IsZero())
			}
		}
		made, err := o.Connect()
		if err != nil {
			t.Fatal(err)
		}
		made.Close()
	})
}
