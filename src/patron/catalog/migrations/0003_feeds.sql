-- Where the shop's list of what it sells is fetched from, and what came of the last time.
CREATE TABLE feed (
    id uuid PRIMARY KEY,
    key text NOT NULL UNIQUE,
    address text NOT NULL, -- https://…, or a file of the machine Patron runs on
    kind text NOT NULL, -- product, or the kind of content it lists
    every_seconds integer NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    accepts boolean NOT NULL DEFAULT false, -- that it has shrunk is right, the next time
    fetches integer NOT NULL DEFAULT 0,
    items integer NOT NULL DEFAULT 0, -- when it was last taken whole
    etag text,
    last_modified text,
    digest text,
    turns_at timestamptz, -- when a sale in it begins or ends: then it is read though it is the same
    failures integer NOT NULL DEFAULT 0,
    tried_at timestamptz,
    taken_at timestamptz,
    error text,
    remedy text,
    report json
);

-- What stood in it. print: of what an item came to, so that what is the same costs no merge.
CREATE TABLE feed_item (
    feed_id uuid NOT NULL,
    item text NOT NULL,
    product_id text NOT NULL,
    variant boolean NOT NULL,
    print bytea NOT NULL,
    seen integer NOT NULL, -- the number of the fetch
    gone boolean NOT NULL DEFAULT false,
    PRIMARY KEY (feed_id, item)
) WITH (fillfactor = 70);
CREATE INDEX feed_item_product ON feed_item (product_id);

-- Products whose variants changed: what they have in common is to be counted anew.
CREATE TABLE feed_group (product_id text PRIMARY KEY);
