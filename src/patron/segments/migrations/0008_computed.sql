-- Traits that a shop has computed out of what people did, each by its definition.
CREATE TABLE computed_trait (
    key text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    definition json NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
