-- People whom the lake has yet to forget.
CREATE TABLE lake_erasure (
    origin_id uuid PRIMARY KEY,
    asked_at  timestamptz NOT NULL
);
