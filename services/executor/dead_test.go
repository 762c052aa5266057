package executor

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// A private event that cannot be read is put aside once, however often the executor starts and reads it; and where the letter
// is not stored, the log does not say that it is.
func TestUnreadableEventIsPutAsideOnce(t *testing.T) {
	var said bytes.Buffer
	inPlant(t, func(p *plant) { p.cfg.Log = slog.New(slog.NewTextHandler(&said, nil)) }, func(t *testing.T, p *plant) {
		js := p.b.JetStream()
		unreadable := func(data string) {
			t.Helper()
			if _, err := js.Publish(t.Context(), msgs.FeedSubject("main", "trade"), []byte(data)); err != nil {
				t.Fatal(err)
			}
			p.pass(time.Second)
		}
		restart := func() {
			p.stop()
			p.pass(10 * time.Minute) // the broker by itself would have forgotten the letter
			p.start()
			p.pass(5 * time.Second)
		}
		unreadable("hello")
		restart()
		restart()
		st, err := js.Stream(t.Context(), msgs.DeadStream)
		if err != nil {
			t.Fatal(err)
		}
		m, err := st.GetLastMsgForSubject(t.Context(), "dead.executor.bad_json")
		if err != nil || !strings.Contains(string(m.Data), `"data":"hello"`) || st.CachedInfo().State.Msgs != 1 {
			t.Errorf("%d letters, the last is %v, %v", st.CachedInfo().State.Msgs, m, err)
		}
		if n := strings.Count(said.String(), "message put aside"); n < 2 || n != strings.Count(said.String(), "letter_error=<nil>") {
			t.Errorf("put aside %d times, which shows nothing, or not every time with success: %s", n, said.String())
		}
		if err := js.DeleteStream(t.Context(), msgs.DeadStream); err != nil {
			t.Fatal(err)
		}
		said.Reset()
		unreadable("there is nowhere to put this")
		if !strings.Contains(said.String(), `letter_error="store letter: `) {
			t.Errorf("of a letter that nobody has stored the log says %s", said.String())
		}
	})
}
