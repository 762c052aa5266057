package fleet

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/referee"
)

// venue counts what arrives.
type venue struct {
	mu    sync.Mutex
	began time.Time
	of    map[string]*referee.Server
	over  map[string]int
	took  map[string]int // by endpoint, and by endpoint and replica
}

func server(layers ...catalogue.Layer) *referee.Server {
	s := &referee.Server{}
	for _, l := range layers {
		s.Windows = append(s.Windows, &referee.Window{N: l.N, Per: l.Per})
	}
	return s
}

func newVenue() *venue {
	return &venue{began: time.Now(), of: map[string]*referee.Server{place: server(placeLayers...), cancel: server(cancelLayers...)},
		over: map[string]int{}, took: map[string]int{}}
}

// ServeHTTP is one arrival.
func (v *venue) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	endpoint, from := r.FormValue("endpoint"), r.FormValue("from")
	if !v.of[endpoint].Arrive(time.Since(v.began), 1) {
		v.over[endpoint]++
	}
	v.took[endpoint]++
	v.took[endpoint+" "+from]++
}

func (v *venue) counts() (took, over map[string]int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.took), maps.Clone(v.over)
}

// allowed is the most that anybody could send in a span.
func allowed(span time.Duration, layers ...catalogue.Layer) (n int) {
	s := server(layers...)
	for at := s.Next(0, 1); at < span; at = s.Next(at, 1) {
		s.Arrive(at, 1)
		n++
	}
	return n
}
