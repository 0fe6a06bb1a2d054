-- Addresses of the owner's systems, and how far each has been told of the log and of merges.
CREATE TABLE webhook (
    id uuid PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    url text NOT NULL,
    topics text[] NOT NULL,
    description text NOT NULL DEFAULT '',
    status text NOT NULL CHECK (status IN ('on', 'off')),
    reason text,
    created_at timestamptz NOT NULL,
    position bigint NOT NULL,
    merged_after uuid NOT NULL,
    generation integer NOT NULL DEFAULT 1,
    rotated_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    paused_until timestamptz,
    succeeded_at timestamptz
);

-- What is to be told, with the body as it is sent each time. `subject` is the person at the time
-- of writing: hers go out in the order of their numbers. `origin_id` is null of what names nobody.
CREATE TABLE webhook_delivery (
    id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    message_id text NOT NULL,
    topic text NOT NULL,
    subject uuid NOT NULL,
    origin_id uuid,
    body text,
    queued_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'sending', 'delivered', 'failed')),
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    first_at timestamptz,
    token uuid,
    lease_until timestamptz,
    done_at timestamptz,
    status_code integer,
    answer text,
    UNIQUE (endpoint_id, message_id)
);
CREATE INDEX webhook_delivery_open ON webhook_delivery (endpoint_id, subject, number)
    WHERE state IN ('waiting', 'sending');
CREATE INDEX webhook_delivery_number ON webhook_delivery (endpoint_id, number);
CREATE INDEX webhook_delivery_origin ON webhook_delivery (origin_id);
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at) WHERE done_at IS NOT NULL;
