"""The sidebar: what a person may open, grouped; nothing that is registered is lost."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from billing_project.sidebar import _LEFT_OUT, navigation


def links(browser) -> dict[str, list[str]]:
    groups = browser.get("/admin/").context["sidebar_navigation"]
    return {group.get("title", ""): [item["title"] for item in group["items"]] for group in groups}


def test_it_groups_every_page_that_is_registered(browser):
    found = links(browser)

    assert found["Ledger"] == ["Accounts", "Operations", "Entries", "Changes of accounts"]
    assert {"Books", "Units", "Clients", "Schedules"} <= set(found["Set-up"])
    pages = sum(len(items) for title, items in found.items() if title)
    assert pages == len([model for model in admin.site._registry if model._meta.label not in _LEFT_OUT])


def test_it_shows_nobody_what_they_may_not_open(bystander):
    assert all(items == [] for title, items in links(bystander).items() if title)


@pytest.mark.parametrize(
    "address", ["accounts/book/", "accounts/unit/", "accounts/accountchange/", "ledger/mark/", "ledger/snapshot/"]
)
def test_every_link_opens(browser, address):
    request = RequestFactory().get("/admin/")
    request.user = browser.get("/admin/").wsgi_request.user
    opened = [
        browser.get(item["link"]).status_code
        for group in navigation(request)
        for item in group["items"]
        if address in item["link"]
    ]

    assert opened == [200]
