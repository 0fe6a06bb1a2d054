-- Runs that ended and still tell their story, by age.
CREATE INDEX run_told ON run (ended_at) WHERE ended_at IS NOT NULL AND story <> '[]';
