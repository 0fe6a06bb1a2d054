CREATE TABLE journey (
  id uuid PRIMARY KEY,
  key text NOT NULL UNIQUE,
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'on', 'off')),
  version int NOT NULL,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL
);

-- A run keeps to the steps of the version it began with. json, so that it reads as it was written.
CREATE TABLE journey_version (
  journey_id uuid NOT NULL REFERENCES journey (id),
  version int NOT NULL,
  definition json NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (journey_id, version)
);

CREATE TABLE run (
  id uuid PRIMARY KEY,
  journey_id uuid NOT NULL,
  version int NOT NULL,
  origin_id uuid NOT NULL,
  key text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'done', 'exited', 'failed')),
  step int NOT NULL,
  visit int NOT NULL,
  wake_at timestamptz,
  waits_from timestamptz NOT NULL,
  wait_seconds int NOT NULL,
  lease_token uuid,
  lease_until timestamptz,
  started_at timestamptz NOT NULL,
  started_received_at timestamptz NOT NULL,
  arm text CHECK (arm IN ('treatment', 'holdout')),
  exit_reason text,
  ended_at timestamptz,
  context jsonb NOT NULL,
  story jsonb NOT NULL,
  FOREIGN KEY (journey_id, version) REFERENCES journey_version (journey_id, version)
) WITH (fillfactor = 70);

COMMENT ON COLUMN run.started_at IS 'event time of what started it';
COMMENT ON COLUMN run.waits_from IS 'event time from which the present wait counts';
COMMENT ON COLUMN run.wake_at IS 'when to look at it again; due is waits_from + wait_seconds, which may be later';
COMMENT ON COLUMN run.visit IS 'lap: grows each time the run goes back to an earlier step';

CREATE UNIQUE INDEX run_active ON run (journey_id, key) WHERE state = 'waiting';
CREATE INDEX run_wake ON run (wake_at) WHERE state = 'waiting';
CREATE INDEX run_key ON run (key);
CREATE INDEX run_origin ON run (origin_id);
CREATE INDEX run_listed ON run (journey_id, started_at);

CREATE VIEW v_run AS
  SELECT r.id, j.key AS journey, r.version, r.origin_id, r.key, r.state, r.arm, r.started_at,
    r.ended_at, r.exit_reason
  FROM run r JOIN journey j ON j.id = r.journey_id;

CREATE VIEW v_journey AS SELECT id, key, name, status, version FROM journey;
