package flow

import "testing"

// TestOrderGoesFromSubjectToSettlement publishes one order that crosses the book and reads its whole life from the log.
func TestOrderGoesFromSubjectToSettlement(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		seq := p.submit("a1", "BUY", "GTC", "0.52", "10", `,"meta":{"level":1}`)
		p.has("a1", "settled")
		p.tells("a1", "submitting accepted filled:10. settled.")
		for _, e := range p.of("main", seq) {
			if e.Type != "order.submitting" && string(e.Meta) != `{"level":1}` {
				t.Errorf("%s gives back meta %s", e.Type, e.Meta)
			}
		}
		if n := len(p.posts()); n != 1 {
			t.Errorf("%d posts, want 1", n)
		}
	})
}
