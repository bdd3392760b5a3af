"""The public REST API of the ledger: one file for each kind of resource, beside the declared schema."""
