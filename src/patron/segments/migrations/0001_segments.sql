-- Saved segments. `status`: filling (history is read), settling (everybody is asked for the first
-- time), on, paused. `live` is false for a rule that records cannot answer; it is asked anew by the
-- clock. `done` of `total` tells how far filling or settling is. `filled_to` is the log position
-- up to which history is read; the walk leaves the records of what comes after it.
CREATE TABLE segment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    rule jsonb NOT NULL,
    ready_made text,
    status text NOT NULL CHECK (status IN ('filling', 'settling', 'on', 'paused')),
    live boolean NOT NULL,
    reason text,
    done bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    asked_at timestamptz
);

-- One row: another number after each change of a definition, so that the walk sees it.
-- `terms` are the shop's settings that decide answers, when everybody was last asked.
CREATE TABLE segment_book (
    version bigint NOT NULL DEFAULT 0,
    terms text
) WITH (fillfactor = 10);
CREATE UNIQUE INDEX segment_book_is_one_row ON segment_book ((true));
INSERT INTO segment_book DEFAULT VALUES;

-- What rules ask of events, under a number of its own. `newest`, `oldest` and `back` (microseconds)
-- say how much of it is kept; who needs more gets a stream of another number.
CREATE TABLE segment_stream (
    id integer GENERATED ALWAYS AS IDENTITY (MAXVALUE 65535) PRIMARY KEY,
    key text NOT NULL,
    newest integer NOT NULL,
    oldest integer NOT NULL,
    back bigint,
    since_position bigint NOT NULL,
    filled boolean NOT NULL DEFAULT false
);

-- What is remembered of an origin: records of 26 bytes, and, under the root, the segments the
-- person is in (their ids, 4 bytes each) and the moment at which she is to be asked again, in
-- microseconds since 1970.
CREATE TABLE segment_state (
    origin_id uuid PRIMARY KEY,
    records bytea NOT NULL DEFAULT '',
    inside bytea NOT NULL DEFAULT '',
    due bigint NOT NULL DEFAULT 9223372036854775807
) WITH (fillfactor = 70);
ALTER TABLE segment_state ALTER COLUMN records SET STORAGE EXTERNAL;

-- Apart from the state, whose updates stay heap-only, and written only when a moment moves forward.
CREATE TABLE segment_due (
    origin_id uuid PRIMARY KEY,
    due_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX segment_due_at ON segment_due (due_at);

-- Who was in which segment, from when to when, and why she came and went.
CREATE TABLE membership (
    segment_id integer NOT NULL,
    origin_id uuid NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    cause text NOT NULL,
    left_cause text,
    PRIMARY KEY (origin_id, segment_id, entered_at)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX membership_now ON membership (segment_id, origin_id) WHERE left_at IS NULL;
CREATE INDEX membership_entered ON membership (segment_id, entered_at);
CREATE INDEX membership_left ON membership (segment_id, left_at) WHERE left_at IS NOT NULL;

-- Changes that are not told yet: they come through the inbox as events, each once.
CREATE TABLE segment_change (
    id uuid PRIMARY KEY,
    segment_id integer NOT NULL,
    origin_id uuid NOT NULL,
    entered boolean NOT NULL,
    at timestamptz NOT NULL,
    cause text NOT NULL
);
