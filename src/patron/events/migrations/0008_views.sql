-- The log as rooms above read it: what happened, to whom, when. `properties` is json.
CREATE VIEW v_event AS
SELECT position, ts, origin_id, name, (flags & 1) = 1 AS backfill, body -> 'properties' AS properties
FROM event;
