"""A mass operation from file to ledger, each row by itself."""

from tests.massops.desk import Desk

FILE = "key,account,amount,description\n1,anna,10.00,first\n2,bert,5,\n3,bank,-15.00,\n"


def test_it_posts_a_file_row_by_row_and_tells_what_became_of_each(desk: Desk) -> None:
    found = desk.upload(FILE)
    assert (found.state, found.rows_read, found.rows_good, found.rows_bad) == ("checked", 3, 3, 0)
    desk.page.shows("anna 0.00, bert 0.00")

    done = desk.post(found)

    assert (done.state, done.rows_posted, done.rows_refused, done.cursor) == ("done", 3, 0, 3)
    assert done.sums_posted == {"EUR": "0"}
    desk.page.shows("anna 10.00, bert 5.00, bank -15.00")
    assert desk.results(done) == [("1", "posted", ""), ("2", "posted", ""), ("3", "posted", "")]
    assert desk.moves(done) == ["uploaded", "checking", "checked", "waiting", "posting", "done"]


def test_it_sums_up_before_anything_is_decided(desk: Desk) -> None:
    found = desk.upload(FILE + "4,yen,700,\n")

    assert found.summary["units"] == [
        {
            "unit": "EUR", "rows": 3, "sum": "0.00", "smallest": "-15.00", "largest": "10.00", "increments": "15.00",
            "decrements": "-15.00",
        },
        {"unit": "JPY", "rows": 1, "sum": "700", "smallest": "700", "largest": "700", "increments": "700", "decrements": "0"},
    ]  # fmt: skip
    assert (found.summary["accounts"], found.summary["unknown"], found.summary["notices"]) == (4, 0, [])


def test_it_posts_transfers_between_two_accounts(desk: Desk) -> None:
    done = desk.post(desk.upload("from,to,amount,unit,effective_at\nbank,anna,7.50,EUR,2024-02-29\nanna,bert,2.50,,\n"))

    assert (done.state, done.rows_posted) == ("done", 2)
    desk.page.shows("bank -7.50, anna 5.00, bert 2.50")


def test_it_finds_what_the_ledger_would_refuse_and_posts_the_rest(desk: Desk) -> None:
    desk.page.write(("used", "anna 1.00", "accepted"))
    desk.page.open("cold EUR")
    desk.page.change("cold", status="frozen")
    data = (
        "key,account,amount,unit\n"
        "a,anna,1.00,EUR\n"
        "a,anna,2.00,EUR\n"
        "used,anna,3.00,EUR\n"
        "b,nobody,1,EUR\n"
        "c,yen,1.5,JPY\n"
        "d,anna,1,USD\n"
        "e,cold,1,EUR\n"
        "f,anna,x,EUR\n"
        "g,bert,4.00,EUR\n"
    )
    found = desk.upload(data)

    assert desk.problems(found) == [
        (3, "key", "key_twice"),
        (4, "key", "key_exists"),
        (5, "account", "account_unknown"),
        (6, "amount", "amount_scale"),
        (7, "unit", "unit_mismatch"),
        (8, "account", "account_frozen"),
        (9, "amount", "amount_invalid"),
    ]
    assert (found.rows_read, found.rows_good, found.rows_bad) == (9, 2, 7)
    assert found.summary["errors"] == dict.fromkeys((
        "account_frozen", "account_unknown", "amount_invalid", "amount_scale", "key_exists", "key_twice", "unit_mismatch",
    ), 1)  # fmt: skip
    assert desk.errors(found)[0] == ["key", "account", "amount", "unit", "line", "column", "code", "message"]
    assert desk.errors(found)[1][:7] == ["a", "anna", "2.00", "EUR", "3", "key", "key_twice"]
    assert desk.errors(found)[7][:7] == ["f", "anna", "x", "EUR", "9", "amount", "amount_invalid"]

    done = desk.post(found)

    assert (done.rows_posted, done.rows_refused) == (2, 0)
    desk.page.shows("anna 2.00, bert 4.00")
    assert [outcome for _, outcome, _ in desk.results(done)] == ["posted", *["invalid"] * 7, "posted"]


def test_it_foretells_which_account_would_fall_below_its_floor_and_the_ledger_refuses_just_that(desk: Desk) -> None:
    found = desk.upload("key,account,amount\n1,bert,5\n2,bert,-7\n3,bert,-4\n")

    assert found.summary["below_floor"] == [
        {"account": "bert", "unit": "EUR", "balance": "0.00", "lowest": "-6.00", "floor": "0.00", "line": 3}
    ]

    done = desk.post(found)

    assert (done.state, done.rows_posted, done.rows_refused, done.refusals) == ("done", 2, 1, {"below_floor": 1})
    assert desk.results(done)[1] == ("2", "refused", "below_floor")
    desk.page.shows("bert 1.00")


def test_it_opens_unknown_accounts_when_it_is_asked_to(desk: Desk) -> None:
    from massops import uploads  # noqa: PLC0415

    found = desk.upload("account,amount\nnew:1,1\nnew:2,2\nnew:1,3\n")
    assert found.summary["unknown_accounts"] == [
        {"account": "new:1", "rows": 2, "unit": None},
        {"account": "new:2", "rows": 1, "unit": None},
    ]
    assert found.rows_good == 0

    again = desk.work(
        uploads.check_again(
            mass_operation_id=found.id,
            source_id=desk.page.source_id,
            mapping=None,
            unit_to_open="EUR",
            keep_mapping=True,
        )
    )

    assert (again.rows_good, again.summary["unknown"]) == (3, 0)
    desk.post(again)
    desk.page.shows("new:1 4.00, new:2 2.00")


def test_it_gives_rows_without_a_key_one_below_its_own_name(desk: Desk) -> None:
    done = desk.post(desk.upload("account,amount\nanna,1\nanna,1\n"))

    assert desk.results(done) == [(f"massop:{done.id}:1", "posted", ""), (f"massop:{done.id}:2", "posted", "")]
    desk.page.shows("anna 2.00")


def test_the_same_rows_again_are_posted_only_where_keys_are_the_uploads_own(desk: Desk) -> None:
    desk.post(desk.upload(FILE))

    again = desk.upload(FILE + "4,anna,1,\n")
    assert (again.rows_good, again.summary["errors"]) == (1, {"key_exists": 3})
    meant = desk.post(desk.upload(FILE, own_keys=False, again=True))

    assert meant.rows_posted == 3
    desk.page.shows("anna 20.00, bert 10.00, bank -30.00")


def test_a_decision_overrides_the_effective_time(desk: Desk) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    moment = datetime(2020, 2, 29, 12, tzinfo=UTC)
    desk.post(
        desk.upload(FILE.replace("description", "effective_at").replace("first", "2024-01-01")), effective_at=moment
    )

    rows = desk.page.query("SELECT DISTINCT effective_at FROM ledger_entry WHERE book_id = %s", desk.page.book_id)
    assert rows == [(moment,)]


def test_an_operation_names_its_mass_operation_and_line(desk: Desk) -> None:
    done = desk.post(desk.upload(FILE))

    rows = desk.page.query(
        "SELECT credential, request_id, convert_from(message, 'UTF8') FROM ledger_operation WHERE book_id = %s ORDER BY id",
        desk.page.book_id,
    )
    assert rows[0] == (
        f"massop:{done.id}",
        f"massop:{done.id}:2",
        '{"entries":[{"account":"anna","amount":"10.00"}],"description":"first"}',
    )


def test_a_restricted_client_posts_only_where_it_has_grants_and_learns_nothing_of_other_accounts(desk: Desk) -> None:
    from django.utils import timezone  # noqa: PLC0415

    from security.grants import NewGrant, add_grant  # noqa: PLC0415
    from security.models import Client  # noqa: PLC0415
    from security.rights import Action  # noqa: PLC0415
    from tests.security.actors import new_actor  # noqa: PLC0415

    client = Client.objects.get(client_id=new_actor(name="narrow", scopes="operations:write").client_id)
    for action in (Action.MASS, Action.CREDIT):
        add_grant(grant=NewGrant(action=action, account_prefix="anna"), now=timezone.now(), client_id=client.client_id)
    narrow = Desk(type(desk.page)(desk.page.book_id, client.source_id))

    found = narrow.upload("key,account,amount\n1,anna,1\n2,bert,1\n3,nobody,1\n4,anna,-1\n")

    assert [(line, code) for line, _, code in desk.problems(found)] == [
        (3, "forbidden_account"),
        (4, "forbidden_account"),
        (5, "forbidden_account"),
    ]
    assert found.summary["unknown"] == 0
    done = narrow.post(found)
    assert (done.rows_posted, done.refusals) == (1, {})


def test_the_errors_of_a_file_without_a_header_stand_beside_its_columns_by_number(desk: Desk) -> None:
    from massops.rows.mapping import Amount, Cell, Mapping  # noqa: PLC0415

    mapping = Mapping(header_row=0, account=Cell("2"), amount=Amount(column="3"), key=("1",))

    found = desk.upload("a,anna,1\nb,nobody,2\nc,anna\nd,anna,x,more,and more\n", mapping)

    assert desk.errors(found) == [
        ["1", "2", "3", "line", "column", "code", "message"],
        ["b", "nobody", "2", "2", "2", "account_unknown", "There is no account nobody in this book."],
        ["c", "anna", "", "3", "", "column_count", "The row has 2 columns, and the mapping names one beyond."],
        [
            "d",
            "anna",
            "x | more | and more",
            "4",
            "3",
            "amount_invalid",
            "'x' is not an amount in the form that the mapping says.",
        ],
    ]
    assert [outcome for _, outcome, _ in desk.results(desk.post(found))] == ["posted", "invalid", "invalid", "invalid"]


def test_the_first_row_of_a_file_without_a_header_has_its_errors_too(desk: Desk) -> None:
    from massops.rows.mapping import Amount, Cell, Mapping  # noqa: PLC0415

    found = desk.upload("anna,0\nanna,1\n", Mapping(header_row=0, account=Cell("1"), amount=Amount(column="2")))

    assert desk.errors(found)[1] == ["anna", "0", "1", "2", "amount_zero", "An amount must not be zero."]
