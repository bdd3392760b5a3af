"""Who calls, and what they may do: sources, OAuth2 clients, tokens and scopes."""
