CREATE TABLE product (
    id text PRIMARY KEY,
    title text,
    price bigint, -- minor units
    compare_at bigint,
    currency text,
    available boolean,
    stock integer,
    brand text,
    categories text[] NOT NULL DEFAULT '{}',
    image_url text,
    url text,
    attributes jsonb NOT NULL DEFAULT '{}',
    margin double precision, -- share of the price, 0 to 1
    shown boolean NOT NULL DEFAULT true,
    rank smallint NOT NULL, -- of the most trusted source that told it
    said json NOT NULL, -- per field: rank and time of who said it
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX product_from_the_shop ON product (id) WHERE rank >= 3;

CREATE TABLE variant (
    product_id text NOT NULL,
    id text NOT NULL,
    title text,
    price bigint,
    compare_at bigint,
    available boolean,
    stock integer,
    image_url text,
    url text,
    attributes jsonb NOT NULL DEFAULT '{}',
    said json NOT NULL,
    PRIMARY KEY (product_id, id)
) WITH (fillfactor = 85);

-- One item is found by any of its names. kind: 0 product id, 1 variant id, 2 SKU, 3 GTIN, 4 feed id,
-- 5 URL. Where one value names several things, the more trusted source and the lower kind count.
CREATE TABLE product_key (
    value text NOT NULL,
    kind smallint NOT NULL,
    product_id text NOT NULL,
    variant_id text,
    rank smallint NOT NULL,
    PRIMARY KEY (value, kind)
);
CREATE INDEX product_key_product ON product_key (product_id);

-- Only real changes; the first known value is one.
CREATE TABLE price_history (
    product_id text NOT NULL,
    variant_id text,
    at timestamptz NOT NULL,
    price bigint,
    compare_at bigint,
    currency text,
    source text NOT NULL
);
CREATE INDEX price_history_product ON price_history (product_id, at);

CREATE TABLE stock_history (
    product_id text NOT NULL,
    variant_id text,
    at timestamptz NOT NULL,
    stock integer,
    available boolean,
    source text NOT NULL
);
CREATE INDEX stock_history_product ON stock_history (product_id, at);

-- Names of products that events use and the shop's own data does not know.
CREATE TABLE unresolved_id (
    value text NOT NULL,
    kind smallint NOT NULL,
    title text,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (value, kind)
) WITH (fillfactor = 80);
