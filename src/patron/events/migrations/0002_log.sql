-- The walk knows how far the lake has copied the log, and who holds the newest memory of `seen`.
ALTER TABLE walk ADD COLUMN IF NOT EXISTS lake_position bigint NOT NULL DEFAULT 0;
ALTER TABLE walk ADD COLUMN IF NOT EXISTS seen_token bigint NOT NULL DEFAULT 0;

-- The log. `position` is gap-free and given in the walk; `origin_id` is the profile the event was
-- written under and never changes. `flags`: 1 = backfill. `body` is {properties, traits, context}
-- and what else an event has; json, because jsonb halves the rate of COPY.
-- One b-tree only: each further one costs a quarter of the rate.
CREATE TABLE event (
    position bigint NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    origin_id uuid NOT NULL,
    type smallint NOT NULL,
    trust smallint NOT NULL,
    source smallint NOT NULL,
    flags smallint NOT NULL,
    session_id uuid,
    name text NOT NULL,
    message_id text NOT NULL,
    user_id text,
    anonymous_id text,
    channel text,
    device text,
    body json NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX event_origin_ts ON event (origin_id, ts);
CREATE INDEX event_position ON event USING brin (position)
    WITH (pages_per_range = 32, autosummarize = on);

-- Keys of the messages of the last days: 8 bytes of the client's own time, so that inserts stay
-- local, and 16 of a hash of (trust class, source, messageId). Partitioned by day of receipt.
CREATE TABLE seen (
    day date NOT NULL,
    key bytea NOT NULL,
    PRIMARY KEY (key, day)
) PARTITION BY LIST (day);

-- Imported rows never expire: the same file brings nothing new in a year either.
CREATE TABLE seen_import (key bytea PRIMARY KEY);

-- The sessions of one browser (or of one customer without a browser): the current one and the one
-- before it, for events that arrive late. Rewritten with each batch, hence the room for HOT updates.
CREATE TABLE visitor (
    key bytea PRIMARY KEY,
    state bytea NOT NULL,
    last_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- What was refused, with the envelope as it came, for seven days. `payload` is bytea because it may
-- hold text that PostgreSQL's own types refuse.
CREATE TABLE rejected (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL
);
CREATE INDEX rejected_at ON rejected (at);

-- Events that made the walk fail: kept until somebody replays or deletes them.
CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL
);

-- The acting part of batches whose journeys raised, waiting to be tried again.
CREATE TABLE acting (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    changes bytea NOT NULL,
    queued_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0
);

-- One row an order, whatever order its events arrive in. Money in minor units of `currency`.
-- `placed_at` is null while only a refund or a cancellation is known; `amount_at` is the event time
-- of the revenue that counts (the newest word of Order Completed and Order Updated).
CREATE TABLE order_fact (
    order_id text PRIMARY KEY,
    origin_id uuid NOT NULL,
    placed_at timestamptz,
    position bigint NOT NULL,
    backfill boolean NOT NULL,
    currency text NOT NULL,
    revenue bigint,
    amount_at timestamptz,
    refunded bigint NOT NULL DEFAULT 0,
    refunded_whole boolean NOT NULL DEFAULT false,
    cancelled_at timestamptz
) WITH (fillfactor = 90);
CREATE INDEX order_fact_origin ON order_fact (origin_id, placed_at);
CREATE INDEX order_fact_placed ON order_fact (placed_at);

-- Orders as analytics reads them. `refunded` never exceeds the revenue; `net` is what remains.
CREATE VIEW v_order AS
SELECT order_id, origin_id, placed_at AS ts, position, backfill, currency,
       coalesce(revenue, 0) AS revenue,
       taken_back AS refunded,
       coalesce(revenue, 0) - taken_back AS net,
       cancelled_at IS NOT NULL AS cancelled
FROM (
    SELECT o.*,
           CASE WHEN o.refunded_whole OR o.cancelled_at IS NOT NULL
                THEN greatest(coalesce(o.revenue, 0), 0)
                ELSE least(o.refunded, greatest(coalesce(o.revenue, 0), 0)) END AS taken_back
    FROM order_fact o
    WHERE o.placed_at IS NOT NULL
) AS facts;
