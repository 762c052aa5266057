package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/msgs"
)

// A message that cannot be read is put aside once, however often the ledger starts and reads it.
func TestUnreadableMessageIsPutAsideOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(msgs.FeedSubject("main", "trade"), "no trade")
		w.put(msgs.EvtSubject(msgs.FamilyOrder, "main"), "no envelope")
		for range 3 {
			l := w.start(nil)
			time.Sleep(10 * time.Minute) // the broker by itself would have forgotten the letters
			synctest.Wait()
			l.end()
		}
		st, err := w.js.Stream(t.Context(), msgs.DeadStream)
		if err != nil {
			t.Fatal(err)
		}
		if n := st.CachedInfo().State.Msgs; n != 2 {
			t.Errorf("%d letters about two messages", n)
		}
	})
}
