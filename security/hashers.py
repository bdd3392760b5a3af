"""How a client secret is hashed at rest.

A password hash is slow on purpose, because people choose guessable passwords. A client secret is not guessable: we
draw it, 128 letters and digits, 762 bits. No number of guesses a second finds it, so the slowness buys nothing, and it
costs 490 ms of CPU at each token request (scrypt: 300 ms), right or wrong, which invites anybody to overload the
service. What is left to want of the hash is that it is one-way and salted; one round of PBKDF2-HMAC-SHA-256 is both, in
0.01 ms. The only other fast hash in Django is MD5.
"""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """PBKDF2 with one round. For drawn secrets only: it stands last in PASSWORD_HASHERS, so people never get it."""

    algorithm = "client_secret"
    iterations = 1
