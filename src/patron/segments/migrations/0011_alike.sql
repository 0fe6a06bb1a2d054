-- What people do, as of the last night, so that those who are alike can be found: each night
-- replaces it whole. A feature is a category, a brand, a price band, a standing or a channel;
-- `people` are so many of `alike_run.people` who have it, `who` their numbers (4 bytes each) and
-- `weights` how much of it each has (0 to 255 stand for 0 to 1); `mean` is that over everybody.
CREATE TABLE alike_feature (
    id integer PRIMARY KEY,
    feature text COLLATE "C" NOT NULL UNIQUE,
    people bigint NOT NULL,
    mean double precision NOT NULL,
    who bytea NOT NULL,
    weights bytea NOT NULL
);
ALTER TABLE alike_feature ALTER COLUMN who SET STORAGE EXTERNAL;
ALTER TABLE alike_feature ALTER COLUMN weights SET STORAGE EXTERNAL;

-- Whose a number is, and her features: pairs of an id (4 bytes) and a weight (1 byte).
CREATE TABLE alike_person (
    number integer PRIMARY KEY,
    origin_id uuid NOT NULL UNIQUE,
    features bytea NOT NULL
);
ALTER TABLE alike_person ALTER COLUMN features SET STORAGE EXTERNAL;

CREATE TABLE alike_run (made_at timestamptz NOT NULL, people bigint NOT NULL);
CREATE UNIQUE INDEX alike_run_is_one_row ON alike_run ((true));
