-- Imported events that were left out because they spoke of erased people: an import tells how many.
ALTER TABLE walk ADD COLUMN imports_of_erased bigint NOT NULL DEFAULT 0;
