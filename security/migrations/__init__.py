"""Migrations of the security app."""
