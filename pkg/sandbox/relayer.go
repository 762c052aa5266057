package sandbox

import (
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	evm "sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/relay"
)

// relayer is the venue's relayer, under the sandbox's lock.
type relayer struct {
	reader   *relay.Reader         // nil without a chain
	builders map[string]BuilderKey // by key
	owners   map[string]Account    // by their own key
	jobs     map[string]*relayed
	order    []*relayed
	created  map[common.Address]time.Time // deposit wallets made here, by the moment of their block
}

func newRelayer() relayer {
	r := relayer{builders: map[string]BuilderKey{}, owners: map[string]Account{}, jobs: map[string]*relayed{}, created: map[common.Address]time.Time{}}
	for _, b := range BuilderKeys() {
		r.builders[b.Key] = b
	}
	for _, a := range Accounts() {
		r.owners[a.RelayerKey()] = a
	}
	return r
}

// maxListed is how many transactions a list holds.
const maxListed = 100

// errBusy and errAuth are the venue's words; others stand where they are used.
const (
	errBusy = relay.Refusal("wallet busy: an action is already active")
	errAuth = "invalid authorization"
)

// submit takes a transaction. Who comes through the door has paid a unit: the venue charges for what it then refuses, too.
func (s *Sandbox) submit(q *request) answer {
	p, known := s.payerOf(q)
	if !known {
		return refuse(http.StatusUnauthorized, errAuth)
	}
	q.account = p.name
	if refusal := s.spendUnit(q, p); refusal != nil {
		return *refusal
	}
	if s.evm == nil {
		return refuse(http.StatusServiceUnavailable, "relayer is not available")
	}
	j, err := s.relayer.reader.Read(q.body)
	if err == nil {
		err = s.mayRelay(p, j)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	r := s.accept(q, p, j)
	return ok(map[string]any{"transactionID": r.id, "state": r.state, "transactionHash": nil})
}

// mayRelay refuses what the state of the wallet does not allow. Whether the chain would take it is seen later.
func (s *Sandbox) mayRelay(p payer, j *relay.Job) error {
	busy := slices.ContainsFunc(s.relayer.order, func(r *relayed) bool { return r.job.Wallet == j.Wallet && r.active() })
	switch {
	case p.owner != common.Address{} && p.owner != j.Owner:
		return relay.Refusal("this key is for the wallets of " + p.owner.Hex() + " alone")
	case s.faults.WalletBusy.strikes(s.rng, ""), busy && (j.Type == relay.Wallet || j.Type == relay.WalletCreate):
		return errBusy
	case j.Type == relay.Safe && !s.evm.HasCode(j.Wallet):
		return relay.Refusal("the Safe of " + j.Owner.Hex() + " is not deployed")
	}
	if j.Type == relay.Wallet {
		if err := s.mayBatch(j); err != nil {
			return err
		}
	}
	if s.faults.PrecheckAtOnce {
		if err := s.precheck(j); err != nil {
			return relay.Refusal("simulation failed: " + err.Error())
		}
	}
	return nil
}

// mayBatch refuses a batch for a deposit wallet that the relayer does not know, or out of turn.
func (s *Sandbox) mayBatch(j *relay.Job) error {
	lag := time.Duration(s.faults.RegistryLagMS) * time.Millisecond
	if made, here := s.relayer.created[j.Wallet]; !s.evm.HasCode(j.Wallet) || here && time.Since(made) < lag {
		return relay.Refusal("wallet registry validation failed")
	}
	if n := s.evm.DepositNonce(j.Wallet); n.Cmp(j.Nonce) != 0 {
		return relay.Refusal("batch nonce " + j.Nonce.String() + " does not match on-chain nonce " + n.String())
	}
	return nil
}

// getNonce answers the next nonce of an owner's wallet, or with StaleNonce the one before.
func (s *Sandbox) getNonce(q *request) answer {
	n, err := s.nonceOf(q)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	return ok(map[string]string{"nonce": n.String()})
}

// getRelayPayload also tells whom a relayed call must name.
func (s *Sandbox) getRelayPayload(q *request) answer {
	n, err := s.nonceOf(q)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	return ok(map[string]string{"address": evm.Worker().Hex(), "nonce": n.String()})
}

func (s *Sandbox) nonceOf(q *request) (*big.Int, error) {
	address := q.query.Get("address")
	if s.evm == nil {
		return nil, relay.Refusal("relayer is not available")
	}
	if !common.IsHexAddress(address) {
		return nil, relay.Refusal("invalid address")
	}
	owner, n := common.HexToAddress(address), new(big.Int)
	switch q.query.Get("type") {
	case relay.Safe:
		n = s.evm.SafeNonce(evm.WalletOf(owner, evm.Safe))
	case relay.Proxy:
		n = s.evm.HubNonce(owner)
	case relay.Wallet:
		n = s.evm.DepositNonce(evm.WalletOf(owner, evm.Deposit))
	default:
		return nil, relay.Refusal("invalid type")
	}
	if n.Sign() > 0 && s.faults.StaleNonce.strikes(s.rng, "") {
		n.Sub(n, big.NewInt(1))
	}
	return n, nil
}

// getDeployed says whether a contract stands at an address.
func (s *Sandbox) getDeployed(q *request) answer {
	address := q.query.Get("address")
	if !common.IsHexAddress(address) || s.evm == nil {
		return refuse(http.StatusBadRequest, "invalid address")
	}
	return ok(map[string]bool{"deployed": s.evm.HasCode(common.HexToAddress(address))})
}

// relayedTransaction is a submission as the relayer shows it.
type relayedTransaction struct {
	ID        string    `json:"transactionID"`
	Hash      string    `json:"transactionHash"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Wallet    string    `json:"proxyAddress"`
	Data      string    `json:"data"`
	Nonce     string    `json:"nonce"`
	Value     string    `json:"value"`
	Signature string    `json:"signature"`
	State     string    `json:"state"`
	Type      string    `json:"type"`
	Owner     string    `json:"owner"`
	Metadata  string    `json:"metadata"`
	Created   time.Time `json:"createdAt"`
	Updated   time.Time `json:"updatedAt"`
}

func (r *relayed) wire() relayedTransaction {
	j := r.job
	t := relayedTransaction{
		ID: r.id, Hash: r.hash, From: j.Owner.Hex(), To: j.To.Hex(), Wallet: j.Wallet.Hex(), Data: hexutil.Encode(j.Data), Value: "0",
		Signature: hexutil.Encode(j.Signature), State: r.state, Type: j.Type, Owner: j.Owner.Hex(), Metadata: j.Metadata, Created: r.created, Updated: r.updated,
	}
	if j.Nonce != nil {
		t.Nonce = j.Nonce.String()
	}
	return t
}

// getTransaction shows one submission in an array, which is empty for an id that is unknown.
func (s *Sandbox) getTransaction(q *request) answer {
	out := []relayedTransaction{}
	if r := s.relayer.jobs[q.query.Get("id")]; r != nil {
		out = append(out, r.wire())
	}
	return ok(out)
}

// getTransactions shows the caller's last ones, the youngest first.
func (s *Sandbox) getTransactions(q *request) answer {
	p, known := s.payerOf(q)
	if !known {
		return refuse(http.StatusUnauthorized, errAuth)
	}
	out := []relayedTransaction{}
	for _, r := range slices.Backward(s.relayer.order) {
		if r.payer == p.name && len(out) < maxListed {
			out = append(out, r.wire())
		}
	}
	return ok(out)
}

// getAccountParams is the newer form of the nonce.
func (s *Sandbox) getAccountParams(q *request) answer { return s.getRelayPayload(q) }

// getAccountTransaction is the newer form of one submission.
func (s *Sandbox) getAccountTransaction(q *request) answer {
	r := s.relayer.jobs[q.param("id")]
	if r == nil {
		return refuse(http.StatusNotFound, "transaction not found")
	}
	return ok(map[string]string{"transaction_id": r.id, "transaction_hash": r.hash, "state": r.state, "error_msg": r.reason})
}

// accept makes a submission the relayer's to bring.
func (s *Sandbox) accept(q *request, p payer, j *relay.Job) *relayed {
	now := time.Now()
	id := uuid(crypto.Keccak256([]byte("sluice sandbox relayed "), j.Key.Bytes(), big.NewInt(q.id).Bytes()))
	r := &relayed{id: id, job: j, payer: p.name, request: q.id, created: now}
	s.relayer.jobs[id], s.relayer.order = r, append(s.relayer.order, r)
	s.become(r, stateNew, "")
	s.begin(r)
	return r
}

// relayerRoutes are the relayer's paths; its host is /relayer.
func (s *Sandbox) relayerRoutes() map[string]handler {
	out := map[string]handler{}
	for pattern, h := range map[string]handler{
		"POST /relayer/submit": s.submit, "GET /relayer/nonce": s.getNonce, "GET /relayer/relay-payload": s.getRelayPayload,
		"GET /relayer/transaction": s.getTransaction, "GET /relayer/transactions": s.getTransactions, "GET /relayer/deployed": s.getDeployed,
		"GET /relayer/v1/account/transactions/params": s.getAccountParams, "GET /relayer/v1/account/transactions/{id}": s.getAccountTransaction,
	} {
		out[pattern] = s.open(func(q *request) answer {
			if s.faults.RelayerDown {
				return refuse(http.StatusServiceUnavailable, "relayer is not available")
			}
			return h(q)
		})
	}
	return out
}

// Relayed are the relayer's submissions so far as it shows them, the oldest first, each as JSON.
func (s *Sandbox) Relayed() (out []json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.relayer.order {
		out = append(out, mustJSON(r.wire()))
	}
	return out
}
