-- Where people stand among all others: published tables of cut points. A version is written whole;
-- the one row of `population_now` says which version counts. `since` begins the time whose orders
-- are scored; `asked` is the version that everybody was last asked about.
CREATE TABLE population (
    version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    currency text NOT NULL
);

-- `compared` people stand in a measure; the 99 cut points part them into hundredths.
CREATE TABLE population_cut (
    version integer NOT NULL REFERENCES population ON DELETE CASCADE,
    measure text NOT NULL,
    compared bigint NOT NULL,
    cuts bigint[] NOT NULL,
    PRIMARY KEY (version, measure)
);

CREATE TABLE population_now (version integer REFERENCES population, asked integer)
    WITH (fillfactor = 10);
CREATE UNIQUE INDEX population_now_is_one_row ON population_now ((true));
INSERT INTO population_now DEFAULT VALUES;
