-- Every rule is answered as people act; none is asked by the hour any more.
ALTER TABLE segment DROP COLUMN live, DROP COLUMN reason;
