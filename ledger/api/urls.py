"""Routes of the public API, below /api/v1/ and below /api/v1/books/BOOK/."""

from django.urls import path

from ledger.api.accounts import AccountsBatchView, AccountsView, AccountView
from ledger.api.batches import BatchesView
from ledger.api.history import BalanceView, EntriesView
from ledger.api.lineage import EntryView, LineageView
from ledger.api.operations import OperationsView, OperationView, ReversalView
from ledger.api.seals import ConsistencyView, LatestSealView, ReceiptView, SealsView
from ledger.api.waiting import MessagesView

urlpatterns = [
    path("accounts", AccountsView.as_view(), name="accounts"),
    path("accounts/batch", AccountsBatchView.as_view(), name="accounts-batch"),
    path("accounts/<str:code>", AccountView.as_view(), name="account"),
    path("accounts/<str:code>/balance", BalanceView.as_view(), name="balance"),
    path("accounts/<str:code>/entries", EntriesView.as_view(), name="entries"),
    path("operations", OperationsView.as_view(), name="operations"),
    path("operations/<str:operation>", OperationView.as_view(), name="operation"),
    path("operations/<str:operation>/reversal", ReversalView.as_view(), name="reversal"),
    path("operations/<str:operation>/lineage", LineageView.as_view(), name="lineage"),
    path("operations/<str:operation>/receipt", ReceiptView.as_view(), name="receipt"),
    path("seals", SealsView.as_view(), name="seals"),
    path("seals/latest", LatestSealView.as_view(), name="seals-latest"),
    path("consistency", ConsistencyView.as_view(), name="consistency"),
    path("entries/<str:entry>", EntryView.as_view(), name="entry"),
    path("messages", MessagesView.as_view(), name="messages"),
    path("batches", BatchesView.as_view(), name="batches"),
]
