-- Which products were written by which transaction: whoever keeps the catalog in memory reads anew
-- what changed. Swept after some minutes.
CREATE TABLE product_change (
    product_id text NOT NULL,
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 100);

CREATE FUNCTION note_product_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.product_change (product_id) SELECT DISTINCT %I FROM written',
                   TG_TABLE_SCHEMA, TG_ARGV[0]);
    RETURN NULL;
END $$;

CREATE TRIGGER product_made AFTER INSERT ON product REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('id');
CREATE TRIGGER product_changed AFTER UPDATE ON product REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('id');
CREATE TRIGGER product_gone AFTER DELETE ON product REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('id');
CREATE TRIGGER variant_made AFTER INSERT ON variant REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('product_id');
CREATE TRIGGER variant_changed AFTER UPDATE ON variant REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('product_id');
CREATE TRIGGER variant_gone AFTER DELETE ON variant REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_product_change('product_id');
