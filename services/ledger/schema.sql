-- The ledger's database. Rows of entry, posting, natural_key and event are never changed: what was wrong is corrected by
-- another entry. A balance is the sum of its postings.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One account's books, and how far each input is in them.
CREATE TABLE book (
  id        INTEGER PRIMARY KEY,
  account   TEXT NOT NULL UNIQUE,
  name      TEXT NOT NULL,    -- of this chain of entries
  wallet    TEXT NOT NULL,
  first_n   INTEGER NOT NULL, -- events that an earlier book of the account had told
  published INTEGER NOT NULL, -- last event known to be on the bus
  positions TEXT NOT NULL DEFAULT '{}' -- JSON: how far each input is in the entries
) STRICT;

CREATE TABLE entry (
  book  INTEGER NOT NULL REFERENCES book,
  seq   INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  kind  TEXT NOT NULL,
  body  BLOB NOT NULL, -- JSON, as it was hashed
  hash  BLOB NOT NULL, -- of the hash before, the number and the body
  PRIMARY KEY (book, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE posting (
  book   INTEGER NOT NULL,
  entry  INTEGER NOT NULL,
  line   TEXT NOT NULL, -- the account of the books: wallet, hold:<order>, …
  asset  TEXT NOT NULL, -- pUSD or a token id
  amount INTEGER NOT NULL, -- millionths
  PRIMARY KEY (book, entry, asset, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE natural_key (
  book  INTEGER NOT NULL,
  key   TEXT NOT NULL,
  entry INTEGER NOT NULL,
  PRIMARY KEY (book, key)
) STRICT, WITHOUT ROWID;

-- What the ledger tells on evt.ledger.<account>.
CREATE TABLE event (
  book   INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  entry  INTEGER NOT NULL,
  at_ms  INTEGER NOT NULL,
  type   TEXT NOT NULL,
  asset  TEXT NOT NULL,
  body   BLOB NOT NULL,
  PRIMARY KEY (book, n)
) STRICT, WITHOUT ROWID;

-- A state to start from; it can be made anew from the entries.
CREATE TABLE snapshot (
  book INTEGER PRIMARY KEY,
  seq  INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE VIEW balance AS
  SELECT account, line, asset, sum(amount) AS amount FROM posting JOIN book ON book.id = posting.book GROUP BY account, line, asset HAVING amount <> 0;

CREATE TRIGGER entry_stays BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_kept BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'entries are never removed'); END;
CREATE TRIGGER posting_stays BEFORE UPDATE ON posting BEGIN SELECT raise(ABORT, 'postings are never changed'); END;
CREATE TRIGGER posting_kept BEFORE DELETE ON posting BEGIN SELECT raise(ABORT, 'postings are never removed'); END;
CREATE TRIGGER key_stays BEFORE UPDATE ON natural_key BEGIN SELECT raise(ABORT, 'keys are never changed'); END;
CREATE TRIGGER key_kept BEFORE DELETE ON natural_key BEGIN SELECT raise(ABORT, 'keys are never removed'); END;
CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_kept BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'events are never removed'); END;
