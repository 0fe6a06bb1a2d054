-- Who read what of people and who changed what. Nothing but ids of people is in it, and an erasure
-- replaces those: that it happened stays, whom it was about does not.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('key', 'cli', 'patron')),
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    place text NOT NULL,
    action text NOT NULL,
    change boolean NOT NULL,
    subject text,
    outcome text NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
    count integer,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_subject ON audit (subject, at, id) WHERE subject IS NOT NULL;
