package polymarket

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/sandbox"
)

// desk is a client of the sandbox's relayer for one of its accounts. The sandbox shares no code with this package.
type desk struct {
	*testing.T
	*Relayer
	venue   *sandbox.Sandbox
	c       Contracts
	key     *Key
	kind    WalletKind
	account string
	wallet  Address
}

// relayWith runs f in virtual time against a sandbox with a chain.
func relayWith(t *testing.T, f func(*desk)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.New(sandbox.Config{Chain: true})
		if err != nil {
			t.Fatal(err)
		}
		v := startVenue(t, s.Handler().ServeHTTP)
		t.Cleanup(s.Close)
		b := sandbox.BuilderKeys()[0]
		f(&desk{T: t, venue: s, c: polygonContracts(t), Relayer: &Relayer{BaseURL: "http://venue.test/relayer", HTTP: &http.Client{Transport: v.client},
			Auth: BuilderCredentials{Key: b.Key, Secret: Secret(b.Secret), Passphrase: Secret(b.Passphrase)}}})
	})
}

// as is the desk of an account of the sandbox; its wallet is where this package derives it.
func (d desk) as(name string) *desk {
	d.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name != name {
			continue
		}
		d.account, d.key, d.kind = name, mustKey(d.T, a.PrivateKey), WalletKind(a.SignatureType)
		switch d.kind {
		case Safe:
			d.wallet = d.c.SafeWallet(d.key.Address())
		case Proxy:
			d.wallet, _ = d.c.ProxyWallet(d.key.Address())
		case Deposit:
			_, d.wallet = d.c.DepositWallets(d.key.Address())
		}
		if d.wallet.Hex() != a.Funder {
			d.Fatalf("wallet %s, the sandbox has %s", d.wallet, a.Funder)
		}
		return &d
	}
	d.Fatalf("no account %s", name)
	return nil
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// request signs calls for the wallet at the nonce that the relayer names.
func (d *desk) request(calls ...Call) RelayerRequest {
	d.Helper()
	n, err := d.Nonce(d.Context(), d.key.Address(), d.kind)
	d.must(err)
	return d.requestAt(n, calls...)
}

func (d *desk) requestAt(nonce uint64, calls ...Call) (r RelayerRequest) {
	d.Helper()
	switch d.kind {
	case Safe:
		bundle, err := d.c.Bundle(calls)
		d.must(err)
		s, err := SignSafeTx(d.key, SafeTx{Polygon, d.wallet, bundle, nonce}, allowAll)
		d.must(err)
		r, err = s.Request("m")
		d.must(err)
	case Proxy:
		p, err := d.RelayPayload(d.Context(), d.key.Address())
		d.must(err)
		s, err := SignProxyTx(d.key, ProxyTx{Polygon, d.key.Address(), calls, nonce, p.Relay, 2_000_000}, allowAll)
		d.must(err)
		r, err = s.Request("m")
		d.must(err)
	case Deposit:
		s, err := SignWalletBatch(d.key, WalletBatch{Polygon, d.wallet, nonce, uint64(time.Now().Unix() + BatchLife), calls}, allowAll)
		d.must(err)
		r, err = s.Request("")
		d.must(err)
	}
	return r
}

// ended polls until the relayer says that it is over.
func (d *desk) ended(id string) RelayerTransaction {
	d.Helper()
	for range 60 {
		t, found, err := d.Transaction(d.Context(), id)
		d.must(err)
		if found && t.State.Final() {
			return t
		}
		time.Sleep(2 * time.Second)
	}
	d.Fatalf("%s does not end", id)
	return RelayerTransaction{}
}

// submit wants the request to be taken and confirmed.
func (d *desk) submit(r RelayerRequest) RelayerTransaction {
	d.Helper()
	taken, _, err := d.Submit(d.Context(), r, time.Now().Add(2*time.Second))
	d.must(err)
	if taken.ID == "" || taken.State != TxNew {
		d.Errorf("receipt %+v", taken)
	}
	t := d.ended(taken.ID)
	if t.State != TxConfirmed || t.Hash == "" || t.Type != r.Type {
		d.Errorf("%s ends as %+v", r.Type, t)
	}
	return t
}

// TestSandboxsRelayerCarriesEveryRequest: each type of request, made by this package, is checked by another implementation,
// executed, and has its effect; the wallet's flows stand in the receipt.
func TestSandboxsRelayerCarriesEveryRequest(t *testing.T) {
	relayWith(t, func(all *desk) {
		condition := Hash{}
		for _, m := range sandbox.Markets() {
			if !m.NegRisk {
				condition = mustHash(t, m.ConditionID)
			}
		}
		yes := PositionID(all.c.USDCe, CollectionID(condition, IndexYes))
		for _, name := range []string{"main", "proxy", "deposit"} {
			d := all.as(name)
			calls := []Call{d.c.Split(false, condition, Units(3_000_000))}
			for _, a := range d.c.Approvals() {
				calls = append([]Call{a.Grant()}, calls...)
			}
			r := d.request(calls...)
			done := d.submit(r)
			if !done.Is(r) {
				t.Errorf("%s: the relayer remembers another signature: %x", name, done.Signature)
			}
			var logs []Log
			for _, l := range d.venue.OnChain().Receipt(mustHash(t, done.Hash)).Logs {
				logs = append(logs, Log{l.Address, l.Topics, l.Data})
			}
			flows, odd := d.c.Flows(logs, d.wallet)
			if odd != 0 || len(flows) != 3 || flows[0].Out != Units(3_000_000) || flows[0].Token != d.c.Collateral {
				t.Errorf("%s: %d odd logs, flows %+v", name, odd, flows)
			}
			for _, f := range flows[1:] {
				if f.In != Units(3_000_000) || f.Token != d.c.ConditionalTokens {
					t.Errorf("%s: flow %+v", name, f)
				}
			}
			if flows[1].ID != yes && flows[2].ID != yes {
				t.Errorf("%s: no flow of %s", name, yes)
			}
			if d.kind == Safe {
				if again := d.request(d.c.Redeem(false, condition)); string(again.Signature) == string(r.Signature) {
					t.Error("the nonce did not move")
				}
			}
		}
	})
}

// TestSandboxsRelayerMakesWallets at the derived addresses, by both requests.
func TestSandboxsRelayerMakesWallets(t *testing.T) {
	relayWith(t, func(d *desk) {
		d.key = mustKey(t, walletKey)
		owner := d.key.Address()
		_, deposit := d.c.DepositWallets(owner)
		create, err := SignSafeCreate(d.key, Polygon)
		d.must(err)
		safe, err := create.Request()
		d.must(err)
		wallet, err := WalletCreate(Polygon, owner)
		d.must(err)
		for _, w := range []struct {
			kind WalletKind
			at   Address
			r    RelayerRequest
		}{{Safe, create.Safe, safe}, {Deposit, deposit, wallet}} {
			before, err := d.Deployed(d.Context(), w.at, w.kind)
			d.must(err)
			d.submit(w.r)
			after, err := d.Deployed(d.Context(), w.at, w.kind)
			d.must(err)
			if before || !after {
				t.Errorf("%s %s: deployed %t, then %t", w.kind, w.at, before, after)
			}
		}
	})
}

// TestSandboxsRefusalsAreUnderstood: what another implementation says in the venue's words comes out as its reason.
func TestSandboxsRefusalsAreUnderstood(t *testing.T) {
	relayWith(t, func(all *desk) {
		main, deposit := all.as("main"), all.as("deposit")
		try := func(d *desk, r RelayerRequest, want RelayerReason) *RelayerError {
			t.Helper()
			_, _, err := d.Submit(d.Context(), r, time.Time{})
			e := relayerError(t, err)
			if e.Reason != want || e.MayBeAccepted() != (want == RelayerDown || want == RelayerLost) {
				t.Errorf("%v, want %s", e, want)
			}
			return e
		}
		pay := func(d *desk) Call { return d.c.Transfer(d.c.Collateral, all.as("second").wallet, Units(1)) }
		try(main, main.request(Call{To: Address{9}, Data: []byte{1, 2, 3, 4}}), RelayerCallBlocked)
		try(main, main.request(Call{To: main.wallet}), RelayerCallBlocked)
		late, _, err := main.Submit(all.Context(), main.request(main.c.Transfer(main.c.Collateral, all.as("second").wallet, Units(1<<60))), time.Time{})
		all.must(err)
		if end := main.ended(late.ID); end.State != TxInvalid && end.State != TxFailed {
			t.Errorf("a transfer of more than there is ends as %+v", end)
		}
		try(deposit, deposit.requestAt(9, pay(deposit)), RelayerNonce)
		taken, _, err := deposit.Submit(all.Context(), deposit.request(pay(deposit)), time.Time{})
		all.must(err)
		try(deposit, deposit.request(pay(deposit), pay(deposit)), RelayerWalletBusy)
		if deposit.ended(taken.ID).State != TxConfirmed {
			t.Error("the first batch was not confirmed")
		}
		nobody := *main.Relayer
		nobody.Auth = builderForTests()
		stranger := *main
		stranger.Relayer = &nobody
		try(&stranger, main.request(pay(main)), RelayerUnauthorised)
		all.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.Next = 1; f.QuotaResetS = 68000 })
		if e := try(main, main.request(pay(main)), RelayerQuota); e.After != 68000*time.Second || !e.Named || e.MayBeCharged() {
			t.Errorf("%+v", e)
		}
		r := main.request(pay(main))
		all.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		if e := try(main, r, RelayerDown); e.Status != http.StatusServiceUnavailable {
			t.Errorf("%+v", e)
		}
		all.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = false })
	})
}

// TestSubmitWhoseAnswerIsLostIsFoundAgain: the answer is dropped, the list has the transaction by its signature.
func TestSubmitWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	relayWith(t, func(all *desk) {
		d := all.as("main")
		r := d.request(d.c.Transfer(d.c.Collateral, all.as("second").wallet, Units(1)))
		d.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer = sandbox.Fault{Next: 1, On: "POST /relayer/submit"} })
		ctx, cancel := context.WithTimeout(all.Context(), 10*time.Second)
		defer cancel()
		_, _, err := d.Submit(ctx, r, time.Now().Add(2*time.Second))
		if e := relayerError(t, err); e.Reason != RelayerLost || !e.MayBeAccepted() {
			t.Fatalf("%+v", e)
		}
		list, err := d.Transactions(all.Context())
		d.must(err)
		found := RelayerTransaction{}
		for _, row := range list {
			if row.Is(r) {
				found = row
			}
		}
		if found.ID == "" || d.ended(found.ID).State != TxConfirmed {
			t.Errorf("found %+v of %d", found, len(list))
		}
		own := *d.Relayer
		for _, a := range sandbox.Accounts() {
			if a.Name == "main" {
				own.Auth = RelayerCredentials{Key: Secret(a.RelayerKey()), Address: d.key.Address()}
			}
		}
		if _, err := own.Transactions(all.Context()); err != nil {
			t.Errorf("with a relayer key: %v", err)
		}
		own.Auth = nil
		if _, err := own.Transactions(all.Context()); err == nil || errors.Is(err, ErrNotUnderstood) {
			t.Errorf("for nobody: %v", err)
		}
	})
}
