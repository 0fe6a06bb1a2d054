-- Closed carts by age: they are deleted some day.
CREATE INDEX cart_closed ON cart (closed_at) WHERE closed_at IS NOT NULL;
