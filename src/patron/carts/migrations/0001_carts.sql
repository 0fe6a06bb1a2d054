CREATE TABLE cart (
    id uuid PRIMARY KEY,
    key text NOT NULL,
    origin_id uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_reason text CHECK (closed_reason IN ('order', 'merged', 'expired')),
    order_id text,
    items jsonb NOT NULL,
    value bigint NOT NULL,
    currency text NOT NULL,
    url text,
    history json, -- what it is worked out from; dropped when nothing late can come any more
    CHECK ((closed_at IS NULL) = (closed_reason IS NULL))
) WITH (fillfactor = 70);
-- No index holds a column that every change touches, so that changes stay on their page.
CREATE INDEX cart_open_since ON cart (opened_at) WHERE closed_at IS NULL;
CREATE INDEX cart_closed_history ON cart (closed_at) WHERE closed_at IS NOT NULL AND history IS NOT NULL;
CREATE INDEX cart_origin ON cart (origin_id);

-- Every key a cart was ever seen with. Addresses are digests.
CREATE TABLE cart_key (
    key text NOT NULL,
    cart_id uuid NOT NULL, -- no foreign key: its check would cost the walk more than the insert
    PRIMARY KEY (key, cart_id)
);
CREATE INDEX cart_key_cart ON cart_key (cart_id);

-- Orders by each of their keys, so that carts that come later close; kept sixty days.
CREATE TABLE order_mark (
    key text NOT NULL,
    ordered_at timestamptz NOT NULL,
    order_id text,
    origin_id uuid NOT NULL,
    PRIMARY KEY (key, ordered_at)
);
CREATE INDEX order_mark_at ON order_mark (ordered_at);

-- The pulse of the order feed: 'any' door, and the 'trusted' ones alone.
CREATE TABLE order_feed (
    feed text PRIMARY KEY,
    last_order_at timestamptz NOT NULL
);
CREATE TABLE order_feed_hour (
    feed text NOT NULL,
    day date NOT NULL,
    hour smallint NOT NULL, -- UTC
    gaps integer NOT NULL,
    long_gaps integer[] NOT NULL, -- seconds, of those longer than six hours
    orders integer NOT NULL,
    PRIMARY KEY (feed, day, hour)
);
