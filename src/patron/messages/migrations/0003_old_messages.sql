-- Messages that ended and still say whom they were for, by age.
CREATE INDEX outbox_told ON outbox (done_at) WHERE done_at IS NOT NULL AND story <> '[]';
