"""The seal: a Merkle tree over everything recorded, its signed heads, and the proofs that a stranger can check.

`tree`, `notes`, `checkpoints`, `receipts` and `tiles` are pure: bytes in, bytes out.
"""
