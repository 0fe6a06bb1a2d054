-- Lists that people are put on by hand or by a file. A member row keeps the origin that it was
-- written under; whose it is today is read through v_origin.
CREATE TABLE static_list (
    id uuid PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE list_member (
    list_id uuid NOT NULL REFERENCES static_list ON DELETE CASCADE,
    origin_id uuid NOT NULL,
    added_at timestamptz NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (list_id, origin_id)
);
CREATE INDEX list_member_origin ON list_member (origin_id);
