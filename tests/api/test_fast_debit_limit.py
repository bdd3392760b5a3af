"""The limit of fast decrements, fixed by hand over the API."""

import pytest

from accounts.queries import account_by_code, book_id_of


def stored(api):
    account = account_by_code(book_id=book_id_of(api.book), code="wallet")
    return account.fast_debit_limit, account.fast_debit_fixed


def test_it_is_fixed_and_given_back_to_the_ledger(api):
    assert api.patch("/accounts/wallet", {"fast_debit_limit": "0.05"}).status_code == 200
    assert stored(api) == (5, True)

    assert api.patch("/accounts/wallet", {"fast_debit_limit": None}).status_code == 200
    assert stored(api) == (None, False)


@pytest.mark.parametrize("text", ["0", "-1", "0.00", "0.001", "1e2", "", 5])
def test_it_is_more_than_zero_and_in_the_unit_s_scale(api, text):
    answer = api.patch("/accounts/wallet", {"fast_debit_limit": text})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/fast_debit_limit"]
    assert stored(api) == (None, False)
