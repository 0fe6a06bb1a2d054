-- What age has taken, by kind of data: when it was looked at last, and how much went.
CREATE TABLE retention (
    kind text PRIMARY KEY,
    last_at timestamptz NOT NULL,
    last_gone bigint NOT NULL,
    gone bigint NOT NULL,
    finished boolean NOT NULL
);

-- Erasures of which deleted rows still stand in PostgreSQL's files: written over at night. `tables`
-- are the months of the log that she was in; of everything else all is written anew.
CREATE TABLE erasure_trace (
    id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL,
    tables text[] NOT NULL
);
