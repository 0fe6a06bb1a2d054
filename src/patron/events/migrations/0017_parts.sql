-- Which acting room a batch waits for: one that fails does not keep another from acting.
ALTER TABLE acting ADD COLUMN part text NOT NULL DEFAULT 'journeys';
