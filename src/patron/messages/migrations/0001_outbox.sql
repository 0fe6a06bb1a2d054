CREATE TABLE outbox (
  id uuid PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('queued', 'claimed', 'handing_over', 'sent', 'failed',
    'skipped', 'delayed', 'ambiguous', 'cancelled', 'held_out', 'recorded')),
  source text NOT NULL,
  run_id uuid NOT NULL,
  step_visit text NOT NULL,
  origin_id uuid NOT NULL,
  channel text NOT NULL,
  purpose text NOT NULL,
  template text NOT NULL,
  arm text NOT NULL CHECK (arm IN ('treatment', 'holdout')),
  condition jsonb,
  context jsonb NOT NULL,
  queued_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  token uuid,
  lease_until timestamptz,
  claimed_at timestamptz,
  address text,
  address_key text,
  handed_over_at timestamptz,
  done_at timestamptz,
  reason text,
  detail jsonb NOT NULL DEFAULT '{}',
  provider_id text,
  story jsonb NOT NULL,
  untold text,
  UNIQUE (source, run_id, step_visit, origin_id)
) WITH (fillfactor = 75);

CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state IN ('queued', 'delayed');
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state IN ('claimed', 'handing_over');
CREATE INDEX outbox_ambiguous ON outbox (id) WHERE state = 'ambiguous';
CREATE INDEX outbox_untold ON outbox (id) WHERE untold IS NOT NULL;
CREATE INDEX outbox_run ON outbox (run_id);
CREATE INDEX outbox_origin ON outbox (origin_id, queued_at);
CREATE INDEX outbox_address ON outbox (address_key, handed_over_at) WHERE address_key IS NOT NULL;

COMMENT ON COLUMN outbox.untold IS 'the event about this message that is still to be appended';

CREATE VIEW v_outbox AS
  SELECT id, state, source, run_id, step_visit, origin_id, channel, purpose, template, arm,
    (context ->> 'cart_id')::uuid AS cart_id, queued_at, due_at, claimed_at, handed_over_at,
    done_at, reason, coalesce((detail ->> 'rehearsal')::boolean, false) AS rehearsal
  FROM outbox;
