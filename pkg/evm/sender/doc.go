// Package sender brings transactions of one key onto the chain, each intent once, and follows them until they are final.
//
// It owns the nonces of the key, the prices that are offered, and what has been signed. An Outbox is pure: it decides what to
// sign, to send again, to replace, and what has come of it, from its records and from what the chain shows (Sight). A Sender
// ties it to a Journal, an evm.Pool and a Signer.
//
// In use:
//
//	s, err := sender.New(sender.Config{Pool: pool, Journal: journal, Signer: key, Allow: known})
//	group.Add("own gas", s.Run)                                          // claims the journal, takes up what is open
//	err = s.Submit(ctx, sender.Intent{ID: unit, To: wallet, Data: call}) // durable when it returns; the same again does nothing
//	end, err := s.Wait(ctx, unit)                                        // final, or a context that has ended: wait again
//
// Invariants:
//
//   - An attempt is in the journal, with its bytes, before it is sent for the first time.
//   - An intent has one nonce. All its attempts bear it, so that at most one can ever be mined. It gets another nonce only when
//     the chain has used the first, finally, for something that is not ours, and a person has said that it may go on.
//   - A replacement pays an eighth more in both prices. Nothing exceeds the bounds on the price of gas, on one transaction and
//     on a day, whatever waits.
//   - An intent is done when the block of one of its attempts is final and still in the chain, by the word of more than half
//     of the endpoints that answer. Until then it can be pending again.
//   - A nonce that is stuck blocks those behind it, so it is seen to first: replaced, voided (sent to ourselves, 21,000 gas),
//     or, where a hole is left, filled in the same way.
//   - The last function before a signature asks once more whether the call is allowed, and checks the bounds again.
//
// How it fails: what cannot go on for now is Held, with cause and fix, and goes on by itself when it can. A key that somebody
// else uses stops everything new (Stopped) until a person resumes. A journal that has another writer ends Run with
// ErrReplaced; one that cannot be written signs and sends nothing. No answer of an endpoint counts as proof that a
// transaction was not sent.
//
// One endpoint of three that lies is outvoted. Of two that disagree the more careful figure counts, so that nothing is done
// before both agree. A single one is believed.
//
// It is tested on a real EVM in process, in virtual time: with crashes before and after every write and every request, and at random
// (TestEveryIntentOnceOverRandomTrouble, more with SLUICE_SENDER_SEEDS).
package sender
