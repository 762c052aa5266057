package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	ipWindow    = 10 * time.Second
	recordEvery = time.Second
	// nano is what a bucket counts in: a token is so many, and each nanosecond brings rate of them.
	nano = int64(time.Second)
	// maxRefill bounds the time that a refill looks back over: every bucket is full long before.
	maxRefill = time.Minute

	// allEndpoints is the limit over the whole CLOB; an endpoint without its own falls under this one only.
	allEndpoints = 9000

	ordersBucket  = "orders"
	cancelsBucket = "cancels"
	standardTier  = "Standard"
)

// perEndpoint are the documented limits per IP and 10 s of the endpoints that have their own.
func perEndpoint() map[string]int {
	return map[string]int{
		"GET /ok": 100, "GET /book": 1500, "GET /price": 1500, "GET /midpoint": 1500,
		"POST /books": 500, "POST /prices": 500, "POST /midpoints": 500,
		"GET /prices-history": 1000, "GET /tick-size": 200, "GET /data/orders": 500, "GET /data/trades": 500,
		"GET /notifications": 125, "GET /balance-allowance": 200, "GET /balance-allowance/update": 50,
		"POST /auth/api-key": 100, "GET /auth/derive-api-key": 100, "GET /auth/api-keys": 100, "DELETE /auth/api-key": 100,
		"POST /order": 5000, "DELETE /order": 5000, "POST /orders": 2000, "DELETE /orders": 2000,
		"DELETE /cancel-all": 250, "DELETE /cancel-market-orders": 1500,
	}
}

// limits counts what arrives. Windows hold the arrival times of the last ten seconds.
type limits struct {
	allowed map[string]int
	recent  map[string][]time.Time
	buckets map[bucketKey]*bucket
	second  map[limitKey]*limitCount // since the last record
	ticking bool
}

type bucketKey struct {
	key  *apiKey
	name string
}

// bucket refills continuously up to its burst. A negative balance is debt of a cancel-all.
type bucket struct {
	rate, burst int64 // tokens
	nanos       int64
	at          time.Time
}

type limitKey struct{ scope, account, endpoint string }

type limitCount struct{ count, excess int }

type limitLine struct {
	Kind     string `json:"kind"`
	AtUS     int64  `json:"at_us"`
	Scope    string `json:"scope"`
	Account  string `json:"account"`
	Endpoint string `json:"endpoint"`
	Count    int    `json:"count"`
	WindowMS int64  `json:"window_ms"`
	Excess   int    `json:"excess"`
}

func (l *limits) init() {
	l.allowed, l.recent = perEndpoint(), map[string][]time.Time{}
	l.buckets, l.second = map[bucketKey]*bucket{}, map[limitKey]*limitCount{}
}

// countIP counts a request and reports whether it is over its window. All clients of a sandbox share one address.
func (s *Sandbox) countIP(endpoint string, at time.Time) bool {
	over := s.limits.window("", allEndpoints, at)
	if n, own := s.limits.allowed[endpoint]; own {
		over = s.limits.window(endpoint, n, at) || over
	}
	s.count(limitKey{"ip", "", endpoint}, 1, over)
	return over
}

// window adds one arrival to a sliding window and reports whether the window is now over n.
func (l *limits) window(name string, n int, at time.Time) bool {
	recent := append(l.recent[name], at)
	from, _ := slices.BinarySearchFunc(recent, at.Add(-ipWindow), time.Time.Compare)
	l.recent[name] = recent[from:]
	return len(recent)-from > n
}

// spend takes n tokens of a signer's bucket, or with debt runs it into the negative. The answer carries the venue's headers; spent tells that it is a refusal.
func (s *Sandbox) spend(k *apiKey, name string, n int, debt bool) (a answer, spent bool) {
	b := s.limits.buckets[bucketKey{k, name}]
	if b == nil {
		b = newBucket(name)
		s.limits.buckets[bucketKey{k, name}] = b
	}
	over := b.take(int64(n), debt, s.cfg.Enforce)
	s.count(limitKey{"signer", k.account, name}, n, over)
	a = answer{header: http.Header{}}
	if over && s.cfg.Enforce {
		a = refuse(http.StatusTooManyRequests, "Too Many Requests").with("Retry-After", strconv.FormatInt(b.wait(int64(n)), 10))
	} else if over {
		a = a.with("Poly-RateLimit-Warning", "true")
	}
	a = a.with("Poly-RateLimit-Remaining", units(floorDiv(b.nanos, nano))).
		with("Poly-RateLimit-Reset", units(time.Now().Unix()+b.wait(b.burst))).
		with("Poly-RateLimit-Tier", standardTier)
	return a, over && s.cfg.Enforce
}

func newBucket(name string) *bucket {
	b := &bucket{rate: 40, burst: 60, at: time.Now()}
	if name == cancelsBucket {
		b.rate, b.burst = 80, 120
	}
	b.nanos = b.burst * nano
	return b
}

// take refills and takes n tokens; over when they are not all there. What is over is refused when enforced and then
// takes nothing; otherwise it empties the bucket. With debt a bucket that holds one token lets any number through.
func (b *bucket) take(n int64, debt, enforce bool) (over bool) {
	now := time.Now()
	b.nanos = min(b.burst*nano, b.nanos+int64(min(now.Sub(b.at), maxRefill))*b.rate)
	b.at = now
	over = b.nanos < n*nano && !(debt && b.nanos >= nano)
	if !over {
		b.nanos -= n * nano
	} else if !enforce {
		b.nanos = max(b.nanos-n*nano, min(b.nanos, 0))
	}
	return over
}

// wait is how many whole seconds pass until n tokens are there, rounded up.
func (b *bucket) wait(n int64) int64 {
	missing := max(0, n*nano-b.nanos)
	return (missing + b.rate*nano - 1) / (b.rate * nano)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// count adds to the counts of the present second and plans their record.
func (s *Sandbox) count(k limitKey, n int, over bool) {
	c := s.limits.second[k]
	if c == nil {
		c = &limitCount{}
		s.limits.second[k] = c
	}
	c.count += n
	if over {
		c.excess += n
	}
	if !s.limits.ticking {
		s.limits.ticking = true
		s.after(recordEvery, s.recordLimits)
	}
}

// recordLimits writes the counts of the last second, in a fixed order.
func (s *Sandbox) recordLimits() {
	s.limits.ticking = false
	var lines []limitLine
	now := time.Now().UnixMicro()
	for k, c := range s.limits.second {
		lines = append(lines, limitLine{"limit", now, k.scope, k.account, k.endpoint, c.count, recordEvery.Milliseconds(), c.excess})
	}
	slices.SortFunc(lines, compareLimits)
	for _, l := range lines {
		s.journal.add(l)
	}
	clear(s.limits.second)
}

func compareLimits(a, b limitLine) int {
	return slices.Compare([]string{a.Scope, a.Account, a.Endpoint}, []string{b.Scope, b.Account, b.Endpoint})
}

// getTier shows the signer's tier.
func (s *Sandbox) getTier(*request) answer {
	return ok(map[string]any{
		"tier": standardTier, "orders_per_second": 40, "orders_burst": 60, "cancels_per_second": 80, "cancels_burst": 120,
	})
}
