"""The search of the panel over HTTP: what the field of the sidebar shows while one types, and a page of its own."""

import time

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ledger.admin.search import search

TERM_CHARACTERS_MAX = 500


def find(request: HttpRequest) -> HttpResponse:
    """The results as a list for the field, or as a page."""
    if len(term := request.GET.get("s", "")) > TERM_CHARACTERS_MAX:
        raise PermissionDenied
    started = time.monotonic()
    results = search(request, term)
    pages = Paginator(results, max(len(results), 1))
    context = {
        "results": pages.page(1),
        "page_obj": pages,
        "page_counter": 0,
        "term": term,
        "execution_time": time.monotonic() - started,
    }
    if "HX-Request" in request.headers:
        return TemplateResponse(
            request, "unfold/helpers/command_results.html", context, headers={"HX-Trigger": "search"}
        )
    return TemplateResponse(
        request, "panel/search.html", {**admin.site.each_context(request), "title": "Search", **context}
    )


find_page = admin.site.admin_view(find)
