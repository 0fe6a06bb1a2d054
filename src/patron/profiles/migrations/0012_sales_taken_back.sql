-- The order that a word of a sale came from: one that is cancelled later is no sale.
ALTER TABLE consent ADD COLUMN order_id text;
UPDATE consent SET order_id = substr(place, 7) WHERE state = 'customer' AND place LIKE 'order %';
CREATE INDEX consent_order ON consent (order_id) WHERE order_id IS NOT NULL;
