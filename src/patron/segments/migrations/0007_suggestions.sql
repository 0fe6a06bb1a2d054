-- Segments found in what people do, as of the last run; each run replaces them. `kind`: fans of a
-- category, or found by likeness. `rule` is null where no rule describes those who are alike.
CREATE TABLE suggestion (
    key text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    place integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    rule json,
    people bigint NOT NULL,
    hits double precision,
    reach double precision,
    traits json NOT NULL
);

CREATE TABLE suggestion_run (made_at timestamptz NOT NULL, looked_at bigint NOT NULL,
    people bigint NOT NULL, said text NOT NULL);
CREATE UNIQUE INDEX suggestion_run_is_one_row ON suggestion_run ((true));
