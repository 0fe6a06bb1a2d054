-- Who said what about an order: 0 the public key, 1 a signed identity, 2 the server; null unsaid.
-- What is known already counts as said by the server: months of the log may have left for the lake,
-- and so nobody with a public key changes an order of before.
ALTER TABLE order_fact ADD COLUMN placed_trust smallint;
ALTER TABLE order_fact ADD COLUMN amount_trust smallint;
ALTER TABLE order_fact ADD COLUMN refund_trust smallint;
ALTER TABLE order_fact ADD COLUMN cancel_trust smallint;
UPDATE order_fact
SET placed_trust = CASE WHEN placed_at IS NOT NULL THEN 2 END,
    amount_trust = CASE WHEN amount_at IS NOT NULL THEN 2 END,
    refund_trust = CASE WHEN refunded <> 0 OR refunded_whole THEN 2 END,
    cancel_trust = CASE WHEN cancelled_at IS NOT NULL THEN 2 END;

-- A refund or a cancellation takes money back only if whoever says it is believed as far as whoever
-- placed the order and told its amount.
CREATE OR REPLACE VIEW v_order AS
SELECT order_id, origin_id, placed_at AS ts, position, backfill, currency,
       coalesce(revenue, 0) AS revenue,
       taken_back AS refunded,
       coalesce(revenue, 0) - taken_back AS net,
       cancelled
FROM (
    SELECT f.*,
           CASE WHEN f.cancelled OR (f.returned AND f.refunded_whole)
                THEN greatest(coalesce(f.revenue, 0), 0)
                WHEN f.returned
                THEN least(f.refunded, greatest(coalesce(f.revenue, 0), 0))
                ELSE 0 END AS taken_back
    FROM (
        SELECT o.*,
               coalesce(o.refund_trust >= greatest(o.placed_trust, o.amount_trust), false) AS returned,
               coalesce(o.cancel_trust >= greatest(o.placed_trust, o.amount_trust), false) AS cancelled
        FROM order_fact o
        WHERE o.placed_at IS NOT NULL
    ) AS f
) AS facts;
