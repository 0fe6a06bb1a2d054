-- Whom an experiment is about: when somebody of an arm first met it, or would have. A person whose
-- rows name both arms is left out of the comparison.
CREATE TABLE exposure (
    experiment text COLLATE "C" NOT NULL,
    origin_id uuid NOT NULL,
    arm text NOT NULL CHECK (arm IN ('treatment', 'holdout')),
    at timestamptz NOT NULL,
    PRIMARY KEY (experiment, origin_id, arm)
);
CREATE INDEX exposure_origin ON exposure (origin_id);
