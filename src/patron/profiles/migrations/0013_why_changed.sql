-- Each change is a row of its own: one that is being taken and one that is not committed yet must
-- not be the same. `why`: what a clock or a table made starts less than what she did.
ALTER TABLE profile_change DROP CONSTRAINT profile_change_pkey;
ALTER TABLE profile_change ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
ALTER TABLE profile_change ADD COLUMN why smallint NOT NULL DEFAULT 6;
CREATE INDEX profile_change_origin ON profile_change (origin_id);

-- The same of addresses, whoever holds them.
CREATE TABLE address_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address text NOT NULL,
    why smallint NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX address_change_address ON address_change (address);
