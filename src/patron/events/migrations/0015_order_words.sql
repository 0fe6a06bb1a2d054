-- How far whoever placed an order, and whoever told its amount, is believed; null where nobody did.
CREATE VIEW v_order_word AS SELECT order_id, placed_trust, amount_trust FROM order_fact;
