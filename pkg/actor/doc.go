// Package actor runs one actor: a goroutine that owns the state of one account's family of events, is the only writer
// of that family, and is rebuilt by replaying it.
//
// # What it owns
//
// The loop (Actor), the fenced log it appends to, the lanes it reads, its snapshots, and the Group that keeps runners
// running. What is decided belongs to the Core, what is done outside to the Perform function; both are the service's.
//
// # Subjects
//
// In: the lanes, each a set of literal subjects of one stream, read without acknowledgement from cursors that are part
// of the actor's own events. Out: one literal subject, evt.<family>.<account>, which is also the fence's filter.
//
// # Invariants
//
//   - Log before deed: a deed is performed after the events of its decision are on disk. Early deeds are the exception;
//     only what may be repeated without harm can be one.
//   - One append is in flight. Whatever is decided meanwhile goes into the next as one message. The events of one
//     decision are never split over two.
//   - Every append carries the expected last sequence of the family and a name that no other actor uses. A refusal whose
//     last message has that name means that an acknowledgement was lost; any other means that we were replaced.
//   - Nobody outside sees an event, and no question is answered from it, before it is on disk.
//   - What the broker delivered and nobody got, or what was read and not handed to the loop when a consumer was lost, is
//     read again in its place; what the loop has in hand outlives the consumer.
//   - A submit's deed is performed only when the express lanes have been decided to where they ended once it was in hand,
//     as the stream's leader says, so that a cancel stored before wins. What is to be sent is decided and written beside
//     that question, and the core is asked again whether it stands; what is refused or killed is decided behind it. An end
//     of the submit lane is told when every submit before it is decided, never while one is in hand.
//   - The same holds for whatever else leaves (Leaving), such as a repeat, from when it was decided. An answer that is older
//     than a tenth of a second when the deed could go, because the disk or the broker was slow, is asked for anew.
//   - A submit that would use a permit is decided only with the permit in hand; one that would not (killed, expired,
//     refused) is decided at once, however long the limiter makes the others wait.
//   - What a start finds of a lost log or lane is written with its claim, and with each message until the core has judged it:
//     however many starts end before that, the next is told when the log ended before the first of them, and what was lost.
//   - Starting folds every event: numbers follow each other, and a snapshot counts only on the log it was made of.
//   - Nothing is removed by age. From half full on, a stream loses what is in two snapshots and behind every reader
//     (Readers); never the message in which a snapshot ends, so a purged log still shows which snapshots are its own.
//   - From 80 % on nothing new should be asked for (Room.Full), from 90 % on submits are left unread: what remains is for
//     fills and cancels.
//
// # How it fails
//
// A lost connection, a full disk, a broker without a leader are waited out, said aloud once a minute; nothing is decided
// meanwhile beyond a bound. Being replaced ends Run with ErrReplaced: what is in hand is dropped unsent. A log of another
// env, a log with foreign, missing or lost messages, lanes that end before their cursor or whose stream was made anew end
// Run with an error that says what to do. A panic in a core is not recovered: the record that was being decided goes on
// the log as what its owner crashed with, and after two crashes to dead.<service>.poison, and to the core as Poisoned.
// Processes that are killed blame nothing.
//
// # How it is tested
//
// On the real broker in virtual time (actortest), with messages, acknowledgements and consumers lost in between; at
// random (TestRandomTrouble, more with SLUICE_ACTOR_SEEDS); and on three replicas in real time.
package actor
