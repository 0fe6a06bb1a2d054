-- Who changed outside the walk, until the rooms above have looked at her again.
CREATE TABLE profile_change (
    origin_id uuid PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX profile_change_at ON profile_change (at, origin_id);
