-- What enters a journey: carts, or people.
CREATE OR REPLACE VIEW v_journey AS
  SELECT j.id, j.key, j.name, j.status, j.version,
    (v.definition -> 'trigger' -> 'cart') IS NOT NULL AS of_carts
  FROM journey j
  JOIN journey_version v ON v.journey_id = j.id AND v.version = j.version;
