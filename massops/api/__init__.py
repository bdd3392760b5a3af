"""The public API of mass operations."""
