"""The admin of records that are only ever appended: pages to read, without add, change or delete, at any size of table."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from unfold.admin import ModelAdmin

# Lists end here; filters and search lead further. Counting more rows would read them all.
ROWS_COUNTED_MAX = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # it takes no argument at run time
    """A paginator that counts at most ROWS_COUNTED_MAX rows, so its cost does not grow with the table."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or the bound where there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[:ROWS_COUNTED_MAX].count())


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Base of every admin page over an append-only record."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None
    list_filter_sheet = False
    # What an empty list says, without filters: where its rows come from.
    empty_sentence = ""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds a record here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody changes a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody deletes a record."""
        return False
