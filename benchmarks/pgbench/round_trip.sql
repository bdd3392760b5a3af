-- The limit of everything that asks the database at all: a statement that does nothing.
SELECT 1;
