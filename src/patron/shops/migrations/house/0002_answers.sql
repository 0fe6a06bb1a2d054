-- Answers of writes that carried an Idempotency-Key; status is null while the first is at work.
CREATE TABLE answer (
    key          bytea PRIMARY KEY,
    digest       bytea NOT NULL,
    began_at     timestamptz NOT NULL,
    status       int,
    content_type text NOT NULL DEFAULT '',
    body         bytea
);
