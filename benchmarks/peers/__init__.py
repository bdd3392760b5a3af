"""Other designs of a ledger, each as fast as it can be made on the same server."""
