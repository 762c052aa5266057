package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

const (
	// maxSkew is how far a signed timestamp may be from the sandbox's clock. The venue publishes no figure; a minute
	// lets a slow machine through and still refuses a recorded request.
	maxSkew = time.Minute
	// maxNonceDigits is the length of the largest uint256.
	maxNonceDigits = 78
)

// apiKey is one set of level 2 credentials.
type apiKey struct {
	id, secret, passphrase string
	owner                  common.Address
	account                string // name of a known account, else ""
	created, revoked       bool
	beat                   heartbeat
}

// login is what credentials are derived from: for ever the same.
type login struct {
	owner common.Address
	nonce string
}

// keyFor returns the credentials of a login, making them known on first use.
func (s *Sandbox) keyFor(l login) *apiKey {
	if k := s.logins[l]; k != nil {
		return k
	}
	part := func(name string) []byte {
		return crypto.Keccak256([]byte("sluice sandbox "+name+" "+l.nonce+" "+strconv.FormatUint(s.cfg.Seed, 10)), l.owner.Bytes())
	}
	k := &apiKey{
		id: uuid(part("api key")), owner: l.owner, account: s.names[l.owner],
		secret:     base64.URLEncoding.EncodeToString(part("secret")),
		passphrase: hex.EncodeToString(part("passphrase")),
	}
	s.logins[l], s.keys[k.id] = k, k
	return k
}

// uuid writes the first 16 bytes in the usual form of a version 4 id.
func uuid(b []byte) string {
	b = slices.Clone(b[:16])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// authenticate checks the level 2 headers of a request. The key is nil when they do not hold.
func (s *Sandbox) authenticate(q *request) *apiKey {
	s.mu.Lock()
	k := s.keys[q.header.Get("POLY_API_KEY")]
	revoked := k != nil && k.revoked
	s.mu.Unlock()
	stamp := q.header.Get("POLY_TIMESTAMP")
	switch {
	case k == nil, revoked, !s.fresh(stamp),
		!hmac.Equal([]byte(k.passphrase), []byte(q.header.Get("POLY_PASSPHRASE"))),
		!strings.EqualFold(k.owner.Hex(), q.header.Get("POLY_ADDRESS")):
		return nil
	}
	got, err := decodeBase64(q.header.Get("POLY_SIGNATURE"))
	if err != nil || !hmac.Equal(got, sealOf(k.secret, stamp+q.method+q.path+string(q.body))) {
		return nil
	}
	return k
}

// sealOf is the HMAC-SHA256 of a message under a base64 secret.
func sealOf(secret, message string) []byte {
	key, err := decodeBase64(secret)
	if err != nil {
		return nil
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// decodeBase64 reads both alphabets, with or without padding.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

func (s *Sandbox) fresh(stamp string) bool {
	sec, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && time.Since(time.Unix(sec, 0)).Abs() <= maxSkew
}

// loginOf checks the level 1 headers of a request.
func (s *Sandbox) loginOf(q *request) (login, bool) {
	address, stamp, text := q.header.Get("POLY_ADDRESS"), q.header.Get("POLY_TIMESTAMP"), q.header.Get("POLY_NONCE")
	if text == "" {
		text = "0"
	}
	nonce, ok := new(big.Int).SetString(text, 10)
	sig, err := hexutil.Decode(q.header.Get("POLY_SIGNATURE"))
	if !ok || err != nil || len(text) > maxNonceDigits || nonce.Sign() < 0 || !common.IsHexAddress(address) || !s.fresh(stamp) {
		return login{}, false
	}
	owner := common.HexToAddress(address)
	if checkLogin(owner, stamp, nonce, sig) != nil {
		return login{}, false
	}
	return login{owner, nonce.String()}, true
}

type credentials struct {
	APIKey     string `json:"apiKey"`
	Secret     string `json:"secret"`
	Passphrase string `json:"passphrase"`
}

// createKey makes the credentials of a nonce known to its owner, once.
func (s *Sandbox) createKey(q *request) answer {
	return s.withLogin(q, func(k *apiKey) answer {
		if k.created || k.revoked {
			return refuse(http.StatusBadRequest, "Could not create api key")
		}
		k.created = true
		a := ok(credentials{k.id, k.secret, k.passphrase})
		a.secret = true
		return a
	})
}

// deriveKey tells the owner the credentials again. The accounts of the sandbox have theirs from the start, so that
// credentials survive a restart of the sandbox as they survive everything at the venue.
func (s *Sandbox) deriveKey(q *request) answer {
	return s.withLogin(q, func(k *apiKey) answer {
		if k.revoked || !k.created && k.account == "" {
			return refuse(http.StatusBadRequest, "Could not derive api key!")
		}
		a := ok(credentials{k.id, k.secret, k.passphrase})
		a.secret = true
		return a
	})
}

func (s *Sandbox) withLogin(q *request, f func(*apiKey) answer) answer {
	l, valid := s.loginOf(q)
	if !valid {
		return refuse(http.StatusUnauthorized, "Invalid L1 Request headers")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keyFor(l)
	q.account = k.account
	return f(k)
}

func (s *Sandbox) listKeys(q *request) answer {
	ids := []string{}
	for _, k := range s.keys {
		if k.owner == q.key.owner && !k.revoked {
			ids = append(ids, k.id)
		}
	}
	slices.Sort(ids)
	return ok(map[string][]string{"apiKeys": ids})
}

func (s *Sandbox) deleteKey(q *request) answer {
	q.key.revoked = true
	return ok("OK")
}
