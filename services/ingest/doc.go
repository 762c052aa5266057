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
//     its connection is lost or silent, and until its snapshot has come; the snapshot heals it.
//   - Within one conn the seq of a token's books, and that of its raw frames, has no gaps. A conn is named once.
//   - Every private event is stored once, in the order in which it was received, whoever else writes: an append expects the
//     last sequence that was read. What is received and not yet stored holds the socket back; nothing is dropped.
//   - After each connect, and every minute, orders and trades are read by REST with an overlap, so that a cut leaves no gap
//     but what the venue keeps no list of: a trade's passing statuses, and orders that came and went unheard.
//   - A feed or connection is "up" only when it is whole.
//
// # How it fails
//
// A lost connection is a state, not an error: it is dialled again with back-off. Market data that NATS does not take is
// counted and lost; private events are tried until they are stored. Run returns an error when it cannot make the streams or
// cannot answer questions.
//
// # How it is tested
//
// In virtual time with the real NATS server: against a fake venue that misbehaves on purpose, and against pkg/sandbox.
package ingest
