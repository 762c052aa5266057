package share

import (
	"fmt"
	"testing"
	"time"
)

// TestOneReplicaUsesWhatIsAllowed saturates one process: it lends to itself, and the window of a minute is used to the end.
func TestOneReplicaUsesWhatIsAllowed(t *testing.T) {
	inFleet(t, tight(), func(x *fleet) {
		r := x.start()
		for i := range 4 {
			x.flood(r, post(fmt.Sprintf("a%d", i)), 3*time.Minute)
		}
		time.Sleep(3 * time.Minute)
		x.b.Wait()
		_, took := x.court.counts()
		if n := took["POST /order"]; n < 3*900*98/100 {
			t.Errorf("%d orders in three minutes, want nearly %d", n, 3*900)
		}
	})
}

// TestReplicasShareOneAllowance saturates three processes with three accounts each: together they use what one may, and
// each account about as much as any other.
func TestReplicasShareOneAllowance(t *testing.T) {
	inFleet(t, tight(), func(x *fleet) {
		for i := range 3 {
			r := x.start()
			for k := range 3 {
				x.flood(r, post(fmt.Sprintf("a%d%d", i, k)), 3*time.Minute)
			}
		}
		time.Sleep(3 * time.Minute)
		x.b.Wait()
		_, took := x.court.counts()
		if n := took["POST /order"]; n < 3*900*95/100 {
			t.Errorf("%d orders in three minutes, want nearly %d", n, 3*900)
		}
		for i := range 3 {
			for k := range 3 {
				if n := took[fmt.Sprintf("POST /order a%d%d", i, k)]; n < 300*8/10 || n > 300*12/10 {
					t.Errorf("%d orders of account %d of replica %d, want about 300", n, k, i)
				}
			}
		}
		t.Log(took)
	})
}
