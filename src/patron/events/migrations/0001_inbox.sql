-- A lane is one writer: one start of one process, for this shop. Its rows are numbered by that
-- writer alone, so they are in commit order and the walk can keep one cursor per lane.
CREATE TABLE lane (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('live', 'import')),
    process text NOT NULL,
    started_at timestamptz NOT NULL,
    cursor_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- One row is one commit of a writer: `body` is a JSON array of envelopes with the bodies as they
-- were received, `count` the events in them, `upto` the running sum of `count` in the lane (so that
-- the backlog is a difference of two rows and never a scan).
CREATE TABLE inbox (
    slot smallint NOT NULL,
    lane bigint NOT NULL,
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    count integer NOT NULL,
    upto bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, seq, slot)
) PARTITION BY LIST (slot);

-- Compressing the bodies would halve the rate at which they can be taken in.
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;

-- Two slots: one is written while the other, drained, is truncated. Rows are never updated or
-- deleted, so there is nothing to vacuum.
CREATE TABLE inbox_0 PARTITION OF inbox FOR VALUES IN (0)
    WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
CREATE TABLE inbox_1 PARTITION OF inbox FOR VALUES IN (1)
    WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);

-- The walk's own row: the last log position given, the log's epoch, the slot that is written now.
CREATE TABLE walk (
    position bigint NOT NULL DEFAULT 0,
    epoch uuid,
    slot smallint NOT NULL DEFAULT 0,
    rotated_at timestamptz,
    halted text
) WITH (fillfactor = 10);
CREATE UNIQUE INDEX walk_is_one_row ON walk ((true));
INSERT INTO walk DEFAULT VALUES;
