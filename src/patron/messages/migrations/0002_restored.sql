-- A row for each time this shop was put back from a backup: what left between the two is not known.
CREATE TABLE restored (at timestamptz NOT NULL);
