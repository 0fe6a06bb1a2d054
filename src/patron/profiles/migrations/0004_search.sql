-- Names as they are searched: without accents and case, words one space apart. Cut, because an entry
-- of an index has its bounds and what a page writes into a trait has wider ones.
CREATE FUNCTION search_key(given text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(left(trim(lower(regexp_replace(regexp_replace(
        normalize(left(given, 100), NFKD), '[\u0300-\u036f]+', '', 'g'), '\s+', ' ', 'g'))), 100), '');

-- The whole name, and the family name or the last word.
CREATE FUNCTION search_name(traits jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(search_key(traits #>> '{name,v}'),
        search_key(coalesce(traits #>> '{first_name,v}', '') || ' ' || coalesce(traits #>> '{last_name,v}', '')));

CREATE FUNCTION search_family(traits jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(search_key(traits #>> '{last_name,v}'),
        substring(search_key(traits #>> '{name,v}') FROM '[^ ]+$'));

-- Updates that leave the traits as they are stay heap-only.
CREATE INDEX origin_name ON origin ((search_name(traits) COLLATE "C"), id)
    WHERE (search_name(traits) COLLATE "C") IS NOT NULL;
CREATE INDEX origin_family ON origin ((search_family(traits) COLLATE "C"), id)
    WHERE (search_family(traits) COLLATE "C") IS NOT NULL;

-- Whoever was seen last comes first. An index of last_seen itself would make each update of an
-- origin write to it; the hour changes once a visit, and is sorted within.
ALTER TABLE origin ADD COLUMN seen_hour timestamp
    GENERATED ALWAYS AS (date_trunc('hour', last_seen AT TIME ZONE 'UTC')) STORED;
CREATE INDEX origin_seen ON origin (seen_hour DESC);

-- What people go by, to be searched by its beginning. Names of browsers and devices are found whole,
-- by the primary key: there are many more of them, and nobody types one.
CREATE INDEX identifier_search ON identifier (value, origin_id) INCLUDE (kind)
    WHERE kind NOT IN ('anonymous_id', 'ga_client_id', 'fbp', 'cross_domain_id', 'device_id',
        'android.id', 'android.idfa', 'android.push_token', 'ios.id', 'ios.idfa', 'ios.push_token');
