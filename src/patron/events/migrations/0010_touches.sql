-- What brought her and what she used, beside what happened: conditions ask for first and last touches.
CREATE OR REPLACE VIEW v_event AS
SELECT position, ts, origin_id, name, (flags & 1) = 1 AS backfill, body -> 'properties' AS properties,
       channel, device
FROM event;
