-- Runs whose arm is not told yet: each comes through the inbox as an event, once.
CREATE TABLE run_entry (
  run_id uuid PRIMARY KEY,
  journey text NOT NULL,
  origin_id uuid NOT NULL,
  arm text NOT NULL,
  at timestamptz NOT NULL
);
