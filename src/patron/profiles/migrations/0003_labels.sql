-- What people at the shop write on a customer: short tags, and notes. A row keeps the origin that it
-- was written under. `key` is the tag as tags are compared, without regard to case.
CREATE TABLE profile_tag (
    origin_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    tag text NOT NULL,
    written_by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (origin_id, key)
);
CREATE INDEX profile_tag_key ON profile_tag (key, origin_id);

CREATE TABLE profile_note (
    id uuid PRIMARY KEY,
    origin_id uuid NOT NULL,
    text text NOT NULL,
    written_by text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX profile_note_origin ON profile_note (origin_id, id);
