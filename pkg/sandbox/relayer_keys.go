package sandbox

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// builderCount is how many builders the sandbox knows: one to work with, others to see that quotas are apart.
const builderCount = 3

// BuilderKey is a builder's throw-away credentials for the relayer; the same at every start, and public.
type BuilderKey struct {
	Name       string `json:"name"` // as the journal names it
	Key        string `json:"key"`
	Secret     string `json:"secret"`
	Passphrase string `json:"passphrase"`
}

// BuilderKeys returns the builders that the relayer knows: builder-1 and others.
func BuilderKeys() []BuilderKey {
	out := make([]BuilderKey, builderCount)
	for i := range out {
		name := "builder-" + strconv.Itoa(i+1)
		part := func(of string) []byte { return crypto.Keccak256([]byte("sluice sandbox " + of + " of " + name)) }
		out[i] = BuilderKey{name, uuid(part("api key")), base64.URLEncoding.EncodeToString(part("secret")), hex.EncodeToString(part("passphrase"))}
	}
	return out
}

// RelayerKey is the owner's own key for the relayer, sent as it is: it brings the owner's own wallets alone, and has no quota.
func (a Account) RelayerKey() string {
	return uuid(crypto.Keccak256([]byte("sluice sandbox relayer key of " + a.Address)))
}

// payer is whose units a submission takes.
type payer struct {
	name  string
	owner common.Address // who alone may be served; zero for builders
	tier  Builder
}

// payerOf checks the credentials of a request to the relayer; false when they do not hold.
func (s *Sandbox) payerOf(q *request) (p payer, good bool) {
	if key := q.header.Get("POLY_BUILDER_API_KEY"); key != "" {
		b, known := s.relayer.builders[key]
		_, path := apiOf(q.path)
		stamp := q.header.Get("POLY_BUILDER_TIMESTAMP")
		got, err := decodeBase64(q.header.Get("POLY_BUILDER_SIGNATURE"))
		if !known || err != nil || !s.fresh(stamp) || !hmac.Equal([]byte(b.Passphrase), []byte(q.header.Get("POLY_BUILDER_PASSPHRASE"))) ||
			!hmac.Equal(got, sealOf(b.Secret, stamp+q.method+path+string(q.body))) {
			return p, false
		}
		p.name = b.Name
	} else {
		a, known := s.relayer.owners[q.header.Get("RELAYER_API_KEY")]
		if !known || !strings.EqualFold(a.Address, q.header.Get("RELAYER_API_KEY_ADDRESS")) {
			return p, false
		}
		p.name, p.owner = "own-"+a.Name, common.HexToAddress(a.Address)
		if own, has := s.limits.table.builder("OwnKey"); has && s.limits.builder[p.name].Name == "" {
			s.limits.builder[p.name] = own
			s.journal.add(tierLine{"tier", q.at.UnixMicro(), p.name, own.Name})
		}
	}
	if p.tier, good = s.limits.builder[p.name]; !good {
		p.tier, good = s.limits.table.builder("")
	}
	return p, good
}
