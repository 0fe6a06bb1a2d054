-- What the catalog said of an event's products when it happened, beside what the event says itself.
CREATE OR REPLACE VIEW v_event AS
SELECT position, ts, origin_id, name, (flags & 1) = 1 AS backfill, body -> 'properties' AS properties,
       channel, device, body -> 'catalog' AS catalog
FROM event;
