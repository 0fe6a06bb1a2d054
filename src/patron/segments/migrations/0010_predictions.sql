-- Predicted values of people, by name. A version is written whole and counts from then on; `asked`
-- is the version that everybody was last asked about. `kind`: number, or date in microseconds since
-- 1970. `source`: the shop's own, or patron. `cuts` part the values of `people` into hundredths.
CREATE TABLE prediction (
    name text COLLATE "C" PRIMARY KEY,
    label text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('number', 'date')),
    source text NOT NULL CHECK (source IN ('shop', 'patron')),
    version integer NOT NULL DEFAULT 0,
    asked integer NOT NULL DEFAULT 0,
    made_at timestamptz,
    looked_at timestamptz,
    people bigint NOT NULL DEFAULT 0,
    cuts double precision[] NOT NULL DEFAULT '{}',
    said text NOT NULL DEFAULT ''
);

CREATE TABLE prediction_value (
    origin_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (origin_id, name, version)
);
