-- The log with who said it and in which visit, for a page about one person. `properties` and
-- `context` are json.
CREATE VIEW v_deed AS
SELECT position, ts, origin_id, session_id, name, trust, channel, device,
       body -> 'properties' AS properties, body -> 'context' AS context
FROM event;
