-- What the shopkeeper wants at one place of a page or mail. Those that are there without anybody's
-- doing are not in it.
CREATE TABLE placement (
    key text PRIMARY KEY,
    definition jsonb NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
