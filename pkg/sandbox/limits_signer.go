package sandbox

import (
	"net/http"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

const (
	// nano is what a bucket counts in: a token is so many, and each nanosecond brings rate of them.
	nano = int64(time.Second)
	// maxRefill bounds the time that a refill looks back over. The deepest debt is that of the largest cancel of all.
	maxRefill = time.Hour
	// tooMany is the venue's text with a 429.
	tooMany = "Too Many Requests"
)

type bucketKey struct {
	owner common.Address
	name  string
}

// bucket refills continuously up to its burst. A negative balance is debt of a cancel of all.
type bucket struct {
	Tokens
	nanos int64
	at    time.Time
}

// tokens are a tier's for orders or for cancels.
func (t *Tier) tokens(name string) Tokens {
	if name == cancelsBucket {
		return t.Cancels
	}
	return t.Orders
}

// spend takes n tokens of a signer's bucket, all or none. A sweep needs one and is charged n where its tier may overdraw.
// The answer carries the venue's headers; spent tells that it is a refusal.
func (s *Sandbox) spend(k *apiKey, name string, n int, sweep bool) (a answer, spent bool) {
	tier, limited := s.limits.tierOf(k.owner)
	if !limited {
		return answer{}, false
	}
	b := s.limits.buckets[bucketKey{k.owner, name}]
	if b == nil {
		b = &bucket{Tokens: tier.tokens(name), at: time.Now()}
		b.nanos = b.Burst * nano
		s.limits.buckets[bucketKey{k.owner, name}] = b
	}
	over := b.take(int64(n), sweep && tier.Overdraw)
	s.count(limitKey{"signer", k.account, name}, n, over)
	a = answer{header: http.Header{}}
	if over && s.cfg.Enforce {
		a = refuse(http.StatusTooManyRequests, tooMany).with("Retry-After", strconv.FormatInt(b.wait(int64(n)), 10))
	} else if over {
		a = a.with("Poly-RateLimit-Warning", "true")
	}
	a = a.with("Poly-RateLimit-Remaining", units(floorDiv(b.nanos, nano))).
		with("Poly-RateLimit-Reset", units(time.Now().Unix()+b.wait(b.Burst))).
		with("Poly-RateLimit-Tier", tier.Name)
	return a, over && s.cfg.Enforce
}

// refill brings the bucket to this moment.
func (b *bucket) refill() {
	now := time.Now()
	b.nanos = min(b.Burst*nano, b.nanos+int64(min(now.Sub(b.at), maxRefill))*b.Rate)
	b.at = now
}

// become gives the bucket other figures from now on.
func (b *bucket) become(t Tokens) {
	b.refill()
	b.Tokens, b.nanos = t, min(b.nanos, t.Burst*nano)
}

// take takes n tokens; over when they are not all there, and then it takes none. With debt one that is there lets any
// number through.
func (b *bucket) take(n int64, debt bool) (over bool) {
	b.refill()
	if over = b.nanos < n*nano && !(debt && b.nanos >= nano); !over {
		b.nanos -= n * nano
	}
	return over
}

// wait is how many whole seconds pass until n tokens are there, rounded up.
func (b *bucket) wait(n int64) int64 {
	missing := max(0, n*nano-b.nanos)
	return (missing + b.Rate*nano - 1) / (b.Rate * nano)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
