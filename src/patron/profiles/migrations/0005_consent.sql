-- Two more kinds of words: `pending` waits for a confirmation from the mailbox, `customer` was not
-- said at all: she bought, was offered to refuse, and did not. A confirmed yes says so.
ALTER TABLE consent DROP CONSTRAINT consent_state_check;
ALTER TABLE consent ADD CONSTRAINT consent_state_check
    CHECK (state IN ('granted', 'withdrawn', 'claimed', 'pending', 'customer'));
ALTER TABLE consent ADD COLUMN confirmed boolean NOT NULL DEFAULT false;
ALTER TABLE consent ADD COLUMN country text;
ALTER TABLE consent ADD COLUMN categories text[];

-- Confirmations that are asked for: one mail each, to the address alone.
CREATE TABLE confirmation (
    id uuid PRIMARY KEY,
    origin_id uuid NOT NULL,
    address text NOT NULL,
    address_key text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    text_shown text,
    place text,
    mailed_at timestamptz,
    confirmed_at timestamptz
);
CREATE INDEX confirmation_address ON confirmation (address_key, channel, purpose, asked_at);
CREATE INDEX confirmation_origin ON confirmation (origin_id);
CREATE INDEX confirmation_unmailed ON confirmation (asked_at) WHERE mailed_at IS NULL;

-- How often she wants to hear from the shop; belongs to an address, as consent does.
CREATE TABLE contact_wish (
    address_key text NOT NULL,
    channel text NOT NULL,
    frequency text NOT NULL CHECK (frequency IN ('usual', 'weekly', 'monthly')),
    paused_until timestamptz,
    said_at timestamptz NOT NULL,
    place text NOT NULL,
    origin_id uuid,
    PRIMARY KEY (address_key, channel)
);

-- What she asked of the shop on her page: everything that is kept, or to be forgotten.
CREATE TABLE privacy_request (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('export', 'erasure')),
    state text NOT NULL CHECK (state IN ('open', 'done', 'declined')),
    origin_id uuid,
    address_key text,
    asked_at timestamptz NOT NULL,
    place text NOT NULL,
    closed_at timestamptz,
    note text
);
CREATE INDEX privacy_request_open ON privacy_request (id) WHERE state = 'open';
CREATE INDEX privacy_request_origin ON privacy_request (origin_id);

-- Suppressions that a person at the shop lifted, and why.
CREATE TABLE suppression_lifted (
    id uuid PRIMARY KEY,
    channel text NOT NULL,
    address_key text NOT NULL,
    reason text NOT NULL,
    suppressed_at timestamptz NOT NULL,
    lifted_at timestamptz NOT NULL,
    why text NOT NULL
);
CREATE INDEX suppression_lifted_address ON suppression_lifted (address_key);
