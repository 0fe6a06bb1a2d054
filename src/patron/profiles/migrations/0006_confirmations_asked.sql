-- How many were asked for within the last hour is counted with each batch that brings new ones.
CREATE INDEX confirmation_asked ON confirmation (asked_at);
