-- Whoever keeps the catalog in memory asks every moment for what changed since it looked last. After a
-- feed of a hundred thousand products that must not mean reading as many rows.
CREATE INDEX product_change_tx ON product_change (tx);
