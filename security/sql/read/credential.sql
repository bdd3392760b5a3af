-- What an access token stands for: its client with all that decides what it may do now. Input: the token's SHA-256 checksum.
-- Invariant: I20 nothing here outlives TOKEN_CACHE_SECONDS in a process. A client's own end shortens its tokens.
-- Cost: two probes of unique keys, one of the keys', and one of the grants' where the client is restricted to them. Run once for each token, process and TOKEN_CACHE_SECONDS, and at each call of a critical scope.
SELECT c.id, c.client_id, c.source_id, c.allowed_scopes, t.scope, t.id, least(t.expires, c.expires_at), c.highest_priority,
       c.allowed_books, c.allowed_networks, c.last_used_at,
       CASE WHEN c.restricted_to_grants THEN (
         SELECT coalesce(json_agg(json_build_array(g.id, g.action, g.account_prefix, g.unit, g.amount_max::text, g.day_max::text)), '[]')
         FROM security_grant g WHERE g.client_id = c.id) END,
       c.signature_required, c.rate_read, c.rate_write,
       (SELECT json_object_agg(k.key_id, json_build_array(k.public_key, extract(epoch FROM k.expires_at)))
        FROM security_client_key k WHERE k.client_id = c.id AND k.revoked_at IS NULL)
FROM oauth2_provider_accesstoken t JOIN security_client c ON c.id = t.application_id
WHERE t.token_checksum = %(checksum)s AND c.revoked_at IS NULL AND t.resource = '[]'::jsonb
