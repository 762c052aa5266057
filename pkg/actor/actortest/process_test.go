package actortest

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// A process that falls says nothing more to anybody, at once, also where its service goes on for a while; one that is stopped may
// finish what it is at.
func TestFallenProcessSaysNothingMore(t *testing.T) {
	for name, end := range map[string]func(*Process){"stopped": (*Process).Stop, "killed": (*Process).Kill} {
		t.Run(name, func(t *testing.T) {
			Run(t, func(t *testing.T, b *Bubble) {
				outside, called := b.Pipe(), 0
				outside.Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
				sub, err := b.NATS().SubscribeSync("word")
				if err != nil {
					t.Fatal(err)
				}
				p := b.Process("service", outside)
				client := &http.Client{Transport: p.Transport()}
				say := func() (failed int) {
					res, err := client.Get("http://outside/")
					if err == nil {
						res.Body.Close()
					} else {
						failed++
					}
					if p.NATS().Publish("word", nil) != nil {
						failed++
					}
					return failed
				}
				last := make(chan int, 1)
				p.Start(func(ctx context.Context) error {
					say()
					<-ctx.Done()
					time.Sleep(time.Second)
					last <- say()
					return nil
				})
				b.Wait()
				end(p)
				b.Wait()
				heard, _, err := sub.Pending()
				if err != nil {
					t.Fatal(err)
				}
				want, failed := 2, 0
				if name == "killed" {
					want, failed = 1, 2
				}
				if got := <-last; called != want || heard != want || got != failed || !p.Over() {
					t.Errorf("%d calls, %d words, and %d of the last failed; want %d, %d, %d", called, heard, got, want, want, failed)
				}
				if res, err := client.Get("http://outside/"); err == nil {
					res.Body.Close()
					t.Error("it can still call after its end")
				}
			})
		})
	}
}
