"""The pages of mass operations in the panel; importing this package registers them."""

from massops.admin import mappings, pages

__all__ = ["mappings", "pages"]
