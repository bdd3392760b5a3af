"""Rows of a stranger's file: from bytes to rows or errors, streamed. Pure: nothing here knows Django or the database."""
