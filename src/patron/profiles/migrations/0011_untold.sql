-- What was written on people by hand and is to be told as an event of theirs, until it is appended.
-- Who writes holds the person, so hers are numbered in the order in which they are committed.
CREATE TABLE untold (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    origin_id uuid NOT NULL,
    name text NOT NULL,
    properties jsonb NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX untold_origin ON untold (origin_id);
