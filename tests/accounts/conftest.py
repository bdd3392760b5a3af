"""Lets an assertion that fails inside a page tell both sides."""

import pytest

pytest.register_assert_rewrite("tests.ledger.page")
