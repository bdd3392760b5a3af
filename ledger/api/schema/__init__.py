"""The declared schema of the API: DRF serializers and descriptions, from which /api/schema is made.

Requests are not read with these serializers but with msgspec (ledger.messages, ledger.api.accounts), which is ten times
faster; tests/api/test_agreement.py keeps both in agreement on one corpus. One file for each file of views.
"""
