-- An origin is what rows are written under, for good. A person is the set of origins with one
-- root; a merge, and its undo, only edits root_id.
CREATE TABLE origin (
    id uuid PRIMARY KEY,
    root_id uuid NOT NULL,
    known boolean NOT NULL DEFAULT false,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    totals bytea NOT NULL,
    traits jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);
CREATE INDEX origin_root ON origin (root_id);

CREATE TABLE identifier (
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    origin_id uuid NOT NULL,
    address text,
    trust smallint NOT NULL,
    verified boolean NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    PRIMARY KEY (value, kind)
) WITH (fillfactor = 90);
CREATE INDEX identifier_origin ON identifier (origin_id);

CREATE TABLE merge_log (
    id uuid PRIMARY KEY,
    winner uuid NOT NULL,
    loser uuid NOT NULL,
    moved uuid[] NOT NULL,
    reason text NOT NULL,
    message_id text,
    event_at timestamptz NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_at timestamptz
);
CREATE INDEX merge_log_winner ON merge_log (winner);
CREATE INDEX merge_log_loser ON merge_log (loser);
CREATE INDEX merge_log_undone ON merge_log (winner) WHERE undone_at IS NOT NULL;

-- Identifiers that were kept away from a person, and why: arrival order decided, so it is logged.
CREATE TABLE refusal (
    origin_id uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count integer NOT NULL,
    PRIMARY KEY (origin_id, kind, value, reason)
);

-- Append-only: every word somebody said about an address, with its proof.
CREATE TABLE consent (
    id uuid PRIMARY KEY,
    address_key text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL CHECK (state IN ('granted', 'withdrawn', 'claimed')),
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    source text NOT NULL,
    trust smallint NOT NULL,
    text_shown text,
    place text,
    origin_id uuid,
    message_id text
);
CREATE INDEX consent_address ON consent (address_key, channel, purpose);
CREATE INDEX consent_origin ON consent (origin_id);

CREATE TABLE suppression (
    channel text NOT NULL,
    address_key text NOT NULL,
    reason text NOT NULL
        CHECK (reason IN ('unsubscribe', 'complaint', 'hard_bounce', 'manual', 'erased')),
    at timestamptz NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (address_key, channel, reason)
);
CREATE INDEX suppression_newest ON suppression (at DESC, address_key, channel, reason);

-- Erased people: a keyed hash for each of their identifiers and origins, and what their addresses
-- had been suppressed for.
CREATE TABLE tombstone (
    digest bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL,
    suppressed jsonb NOT NULL DEFAULT '[]'
);

CREATE VIEW v_origin AS SELECT id AS origin_id, root_id, known, first_seen, last_seen FROM origin;
