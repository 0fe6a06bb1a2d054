-- How far the log is, and up to where the lake has it, for rooms above that read history.
CREATE VIEW v_log AS SELECT position, lake_position FROM walk;
