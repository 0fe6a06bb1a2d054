-- Who belongs to somebody else: read as a whole where everybody is asked at once, and few they are.
CREATE INDEX origin_merged ON origin (id, root_id) WHERE id <> root_id;
