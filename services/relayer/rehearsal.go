package relayer

import (
	"context"

	"sluice/pkg/evm/rehearse"
)

// rehearse has an endpoint try a pack's calls from the wallet, and reads the wallet's nonce at the same block. No signature is made
// for it.
func (p *performer) rehearse(ctx context.Context, d Rehearse) Rehearsed {
	out := Rehearsed{Pack: d.Pack, Failed: -1}
	calls := make([]rehearse.Call, len(d.Pack.Calls))
	for i, c := range d.Pack.Calls {
		calls[i] = rehearse.Call{To: c.Call.To, Data: c.Call.Data}
	}
	var questions []rehearse.Call
	nonce, hasNonce := nonceOf(p.who)
	if hasNonce {
		questions = append(questions, nonce)
	}
	r, err := p.read(ctx, calls, questions...)
	if err != nil {
		out.Err = chainDown(err)
		return out
	}
	in := answers{left: r.Answers}
	if hasNonce {
		out.Nonce, _ = in.nonce()
	}
	if in.err != nil {
		out.Err = chainDown(in.err)
		return out
	}
	out.Failed, out.Cause, out.Gas = r.Failed, r.Cause, r.Gas
	return out
}
