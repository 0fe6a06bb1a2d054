-- What an origin's events said last about a subject: `place:order` where an order went,
-- `place:visit` where she was, `experiment:…` which variant she was shown. `told` is JSON; the
-- order of the letters decides between two words of the same moment.
CREATE TABLE last_word (
    origin_id uuid NOT NULL,
    subject text COLLATE "C" NOT NULL,
    ts timestamptz NOT NULL,
    told text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin_id, subject)
) WITH (fillfactor = 70);
