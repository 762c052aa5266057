// Package ingest owns every WebSocket of the venue and says on the bus what the venue says.
//
// # What it owns
//
// The connections of the market channel (at most 200 tokens each) and of the user channel (one per account), a book for
// each token, the facts about markets, and the completeness of the private feed. It owns no history: what it needs to know
// after a restart it reads from the streams that it writes.
//
// # Subjects
//
// Out: md.polymarket.raw|book|trade.<token_id>, md.polymarket.market.<condition_id>, md.polymarket.status, and
// feed.<account>.order|trade. Answered: svc.ingest.book|midpoint|price|tick_size|markets.
//
// # The life of a frame
//
//	conn.read → elements → polymarket.DecodeFrame → BookState.Apply → markets.show → NATS
//	conn.read → elements → polymarket.DecodeFrame → feed.put → feedLog.store → NATS, acknowledged
//
// # Invariants
//
//   - A published book is the venue's, or it says fresh:false. It is doubted when its best prices are not the venue's, when
//     its connection is lost or silent, and until its snapshot has come; the snapshot heals it. What one replica withdraws,
//     another one that has it says again.
//   - Within one conn the seq of a token's books, and that of its raw frames, has no gaps. A conn is named once.
//   - Every private event is stored once, in the order in which it was received, whoever else writes: an append expects the
//     last sequence that was read, so that of several replicas one writes each event, and what a stopped or cut off one has in
//     hand is refused, read and found stored. What is received and not yet stored holds the socket back; nothing is dropped.
//   - The statuses of a trade's leg are stored in the order of its settlement. One that passed unheard and follows from a later
//     one is stored before it, marked implied; one that comes late is a repeat.
//   - After each connect, and every 20 s, orders and trades are read by REST from the moment up to which the feed was whole,
//     with an overlap. That moment moves with a full reading only and stands in a header of each stored event, so that neither
//     the first frame after an outage nor a crash hides what came before. A cut leaves no gap but what the venue keeps no list
//     of: that a trade was being retried, and orders that came and went unheard.
//   - What was stored and is not there any more, because the stream was wiped or restored from a copy, is read again.
//   - A feed or connection is "up" only when it is whole. A socket that has kept a trade from us which a reading finds is renewed.
//   - What a successor reads again of a feed, about a day, is held back from purges (actor.Readers, as "ingest").
//
// # How it fails
//
// A lost connection is a state, not an error: it is dialled again with back-off. Market data that NATS does not take is
// counted and lost; private events are tried until they are stored. Run returns an error when it cannot make the streams or
// cannot answer questions, and can be called again: everything that it has is made when it begins.
//
// # How it is tested
//
// In virtual time with the real NATS server: against a fake venue that misbehaves on purpose, and against pkg/sandbox.
package ingest
