-- Each write that carries an Idempotency-Key first forgets what is older than a day.
CREATE INDEX answer_began ON answer (began_at);
