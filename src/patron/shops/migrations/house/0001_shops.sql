CREATE TABLE shop (
    id              uuid PRIMARY KEY,
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{0,39}$'),
    name            text NOT NULL,
    schema          text NOT NULL UNIQUE,
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone       text NOT NULL,
    locale          text NOT NULL,
    public_url      text NOT NULL,
    hosts           text[] NOT NULL,
    mode            text NOT NULL DEFAULT 'rehearsal' CHECK (mode IN ('rehearsal', 'live')),
    owner_email     text NOT NULL,
    identity_secret bytea NOT NULL,
    settings        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL
);

-- A public key stands in every page, so it is kept readable; of a server key only the hash is.
CREATE TABLE api_key (
    id         uuid PRIMARY KEY,
    shop_id    uuid NOT NULL REFERENCES shop ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('public', 'server')),
    name       text NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    public_key text,
    hint       text NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK ((kind = 'public') = (public_key IS NOT NULL))
);
