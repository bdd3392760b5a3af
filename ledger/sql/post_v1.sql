-- ledger_post_v1: the one statement that posts. A batch in, one outcome for each operation out, in input order; a single request is a
-- batch of one.
-- Inputs:    book; parallel arrays with one element for each operation (p_refusal: a code the caller already found, else NULL; p_effective
--            NULL = as recorded; p_reverses NULL as a whole when nothing is reversed); parallel arrays with one element for each entry of
--            the operations not refused (e_ordinal: 1-based place of its operation); p_all: refuse every operation when one is refused;
--            p_inbox: the inbox rows that these operations are, which leave it now (NULL as a whole for none); p_request_id to p_mac: where
--            each message came from and its MAC, made with the key that p_mac_key names (each NULL as a whole for none); l_…: what the
--            operations take of sums per day (ledger_spend_v1; NULL as a whole for none).
-- Result:    operation ids (of the original, where the key was used before), outcomes ('accepted', a refusal code, 'key_reused'), whether the
--            key was used before, the recorded time of what is new, entry ids aligned with the entries (NULL where none was written).
-- Invariants: I5 the transaction id comes first. I6 the key decides before any other check; keys are claimed in sorted order and then
--            locks are taken in the order reversal, account, so posters never deadlock. I11 floors. I12 a group is zero for each unit (the
--            caller has refused others; here it is an assertion). I13 an operation is reversed at most once.
-- Waits:     the same key in flight; the same operation being reversed; a decrement near its floor; a posting under the same sum per day.
-- Cost:      five statements for any number of operations; two more with a decrement of a gated account. Their plans are generic (planning
--            for each call costs more than running it), so every look-up is written as a probe: LATERAL with OFFSET 0 leaves the
--            planner no other way, also without statistics, and a book of millions of accounts is never hashed. Nested loops are off
--            for the rest, because two lists of a batch look short to a generic plan and are not.
CREATE FUNCTION public.ledger_post_v1(
  p_book integer, p_source bigint[], p_key text[], p_kind text[], p_message bytea[], p_hash bytea[], p_credential text[],
  p_received timestamptz[], p_effective timestamptz[], p_reverses bigint[], p_metadata jsonb[], p_refusal text[],
  e_ordinal integer[], e_account bigint[], e_amount numeric[], p_all boolean, p_inbox bigint[] DEFAULT NULL,
  p_request_id text[] DEFAULT NULL, p_traceparent text[] DEFAULT NULL, p_signature text[] DEFAULT NULL, p_mac bytea[] DEFAULT NULL, p_mac_key text DEFAULT NULL,
  l_ordinal integer[] DEFAULT NULL, l_grant bigint[] DEFAULT NULL, l_amount numeric[] DEFAULT NULL, l_max numeric[] DEFAULT NULL,
  OUT o_operation bigint[], OUT o_outcome text[], OUT o_replayed boolean[], OUT o_recorded timestamptz, OUT o_entry bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off AS $$
DECLARE
  total CONSTANT integer := cardinality(p_key);
  drawn bigint[]; claimed bigint[]; live boolean[]; refused integer[]; item record; i integer;
  missing boolean; stopped boolean; gated boolean; unbalanced boolean;
BEGIN
  -- I11 needs both: a statement here must see what was committed before it had its locks, and the gate counts one call for each
  -- transaction under way.
  IF current_setting('transaction_isolation') <> 'read committed' OR pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'a posting must be alone in its transaction, at the isolation level read committed';
  END IF;

  -- 1. Keys. The unique key decides between concurrent claims; the loser waits for the winner and sees its operation.
  PERFORM pg_current_xact_id();
  SELECT array_agg(nextval('ledger_operation_id_seq')) INTO drawn FROM generate_series(1, total);
  WITH claim AS (
    INSERT INTO ledger_operation_key (book_id, source_id, key, operation_id)
    SELECT p_book, u.source, u.key, u.id FROM unnest(p_source, p_key, drawn) WITH ORDINALITY u(source, key, id, ordinal)
    ORDER BY u.source, u.key, u.ordinal
    ON CONFLICT DO NOTHING RETURNING operation_id)
  SELECT array_agg(claim.operation_id) INTO claimed FROM claim;
  IF cardinality(claimed) = total THEN
    o_operation := drawn;
    o_outcome := coalesce(p_refusal, array_fill(NULL::text, ARRAY[total]));
    o_replayed := array_fill(false, ARRAY[total]);
  ELSE
    SELECT array_agg(coalesce(c.id, k.operation_id) ORDER BY u.ordinal), array_agg(c.id IS NULL ORDER BY u.ordinal),
           array_agg(CASE WHEN c.id IS NOT NULL THEN u.refusal
                          WHEN coalesce(stored.message_hash, twin.hash) <> u.hash THEN 'key_reused'
                          ELSE stored.outcome END ORDER BY u.ordinal)
      INTO o_operation, o_replayed, o_outcome
    FROM unnest(p_source, p_key, p_hash, p_refusal, drawn) WITH ORDINALITY u(source, key, hash, refusal, id, ordinal)
    LEFT JOIN unnest(claimed) c(id) ON c.id = u.id
    LEFT JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x
                       WHERE c.id IS NULL AND x.book_id = p_book AND x.source_id = u.source AND x.key = u.key OFFSET 0) k ON true
    LEFT JOIN LATERAL (SELECT x.message_hash, x.outcome FROM ledger_operation x
                       WHERE x.book_id = p_book AND x.id = k.operation_id OFFSET 0) stored ON true
    LEFT JOIN unnest(drawn, p_hash) twin(id, hash) ON twin.id = k.operation_id; -- the same key earlier in this batch
  END IF;

  -- 2. Accounts, and the law of groups: the entries of each operation by unit, then the operations.
  SELECT bool_or(o.missing), bool_or(o.stopped), bool_or(o.gated), bool_or(o.entries > 1 AND o.unbalanced)
    INTO missing, stopped, gated, unbalanced
  FROM (SELECT bool_or(g.missing) AS missing, bool_or(g.stopped) AS stopped, bool_or(g.gated) AS gated,
               sum(g.entries) AS entries, bool_or(g.total <> 0) AS unbalanced
        FROM (SELECT e.ordinal, count(*) AS entries, sum(e.amount) AS total, bool_or(a.id IS NULL) AS missing,
                     bool_or(a.status <> 'open') AS stopped, bool_or(a.gated AND e.amount < 0) AS gated
              FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
              LEFT JOIN LATERAL (SELECT x.id, x.unit_id, x.status, x.gated FROM accounts_account x
                                 WHERE x.book_id = p_book AND x.id = e.account OFFSET 0) a ON true
              GROUP BY e.ordinal, a.unit_id) g
        GROUP BY g.ordinal) o;
  IF missing THEN RAISE EXCEPTION 'an entry names an account that is not in book %', p_book; END IF;
  IF unbalanced THEN RAISE EXCEPTION 'a group operation is not zero for each unit'; END IF;
  IF stopped THEN
    FOR item IN
      SELECT DISTINCT ON (e.ordinal) e.ordinal, CASE a.status WHEN 'frozen' THEN 'account_frozen' ELSE 'account_closed' END AS code
      FROM unnest(e_ordinal, e_account) WITH ORDINALITY e(ordinal, account, place)
      CROSS JOIN LATERAL (SELECT x.status FROM accounts_account x WHERE x.book_id = p_book AND x.id = e.account OFFSET 0) a
      WHERE a.status <> 'open'
      ORDER BY e.ordinal, e.place
    LOOP
      IF NOT o_replayed[item.ordinal] AND o_outcome[item.ordinal] IS NULL THEN o_outcome[item.ordinal] := item.code; END IF;
    END LOOP;
  END IF;

  -- 3. Reversals: one at a time for each reversed operation, then its claim is visible.
  IF p_reverses IS NOT NULL THEN
    FOR item IN
      SELECT u.ordinal, u.id FROM unnest(p_reverses, o_outcome, o_replayed) WITH ORDINALITY u(id, outcome, replayed, ordinal)
      WHERE u.id IS NOT NULL AND u.outcome IS NULL AND NOT u.replayed ORDER BY u.id
    LOOP
      PERFORM pg_advisory_xact_lock(-item.id);
      IF EXISTS (SELECT FROM ledger_operation_key k WHERE k.book_id = p_book AND k.source_id = 0 AND k.key = 'reversal:' || item.id) THEN
        o_outcome[item.ordinal] := 'already_reversed';
      END IF;
    END LOOP;
  END IF;

  -- 4. Floors.
  IF gated THEN
    SELECT ledger_judge_floors_v1(p_book, array_agg(u.outcome IS NULL AND NOT u.replayed ORDER BY u.ordinal), e_ordinal, e_account, e_amount)
      INTO refused FROM unnest(o_outcome, o_replayed) WITH ORDINALITY u(outcome, replayed, ordinal);
    FOR i IN 1 .. coalesce(cardinality(refused), 0) LOOP o_outcome[refused[i]] := 'below_floor'; END LOOP;
  END IF;

  -- Sums per day, of senders that have such limits; nothing is counted for a batch that is refused anyway.
  IF l_ordinal IS NOT NULL AND NOT (p_all AND EXISTS (SELECT FROM unnest(o_outcome) u(outcome) WHERE u.outcome <> 'accepted')) THEN
    SELECT ledger_spend_v1(p_book, array_agg(u.outcome IS NULL AND NOT u.replayed ORDER BY u.ordinal), l_ordinal, l_grant, l_amount, l_max, p_all)
      INTO refused FROM unnest(o_outcome, o_replayed) WITH ORDINALITY u(outcome, replayed, ordinal);
    FOR i IN 1 .. cardinality(refused) LOOP o_outcome[refused[i]] := 'limit_exceeded'; END LOOP;
  END IF;

  IF p_all AND EXISTS (SELECT FROM unnest(o_outcome) u(outcome) WHERE u.outcome <> 'accepted') THEN
    SELECT array_agg(CASE WHEN u.replayed THEN u.outcome ELSE coalesce(u.outcome, 'batch_refused') END ORDER BY u.ordinal) INTO o_outcome
    FROM unnest(o_outcome, o_replayed) WITH ORDINALITY u(outcome, replayed, ordinal);
  END IF;

  -- 5. Records. Ids first, then the clock: what lies above a mark was recorded after it was taken.
  SELECT array_agg(u.outcome IS NULL AND NOT u.replayed ORDER BY u.ordinal) INTO live
  FROM unnest(o_outcome, o_replayed) WITH ORDINALITY u(outcome, replayed, ordinal);
  SELECT array_agg(CASE WHEN live[e.ordinal] THEN nextval('ledger_entry_id_seq') END ORDER BY e.place) INTO o_entry
  FROM unnest(e_ordinal) WITH ORDINALITY e(ordinal, place);
  o_recorded := clock_timestamp();
  WITH entry AS (
    INSERT INTO ledger_entry (id, book_id, operation_id, account_id, amount, recorded_at, effective_at)
    SELECT e.id, p_book, o_operation[e.ordinal], e.account, e.amount, o_recorded, coalesce(p_effective[e.ordinal], o_recorded)
    FROM unnest(e_ordinal, e_account, e_amount, o_entry) e(ordinal, account, amount, id) WHERE e.id IS NOT NULL),
  reversal AS (
    INSERT INTO ledger_operation_key (book_id, source_id, key, operation_id)
    SELECT p_book, 0, 'reversal:' || u.reverses, u.id FROM unnest(p_reverses, o_operation, live) u(reverses, id, live)
    WHERE u.reverses IS NOT NULL AND u.live)
  INSERT INTO ledger_operation (id, book_id, source_id, key, kind, message, message_hash, credential, received_at, recorded_at, effective_at,
                                outcome, reverses, metadata, refused_accounts, entry_first, entry_last, request_id, traceparent, signature, mac, mac_key)
  SELECT u.id, p_book, u.source, u.key, u.kind, u.message, u.hash, u.credential, u.received, o_recorded, coalesce(u.effective, o_recorded),
         coalesce(u.outcome, 'accepted'), u.reverses, u.metadata, bounds.refused_accounts, bounds.entry_first, bounds.entry_last,
         u.request_id, u.traceparent, u.signature, u.mac, CASE WHEN u.mac IS NOT NULL THEN p_mac_key END
  FROM unnest(o_operation, o_replayed, o_outcome, p_source, p_key, p_kind, p_message, p_hash, p_credential, p_received, p_effective, p_reverses, p_metadata,
              p_request_id, p_traceparent, p_signature, p_mac)
    WITH ORDINALITY u(id, replayed, outcome, source, key, kind, message, hash, credential, received, effective, reverses, metadata,
                      request_id, traceparent, signature, mac, ordinal)
  LEFT JOIN (SELECT e.ordinal, min(e.id) AS entry_first, max(e.id) AS entry_last,
                    array_agg(DISTINCT e.account) FILTER (WHERE e.id IS NULL) AS refused_accounts
             FROM unnest(e_ordinal, e_account, o_entry) e(ordinal, account, id) GROUP BY e.ordinal) bounds ON bounds.ordinal = u.ordinal
  WHERE NOT u.replayed;

  IF p_inbox IS NOT NULL THEN DELETE FROM ledger_inbox i WHERE i.id = ANY (p_inbox); END IF;

  -- 6. Outcomes; a repeated key of this batch shares the outcome of its first occurrence.
  SELECT array_agg(CASE WHEN u.replayed AND u.outcome IS NULL
                        THEN (SELECT o.outcome FROM ledger_operation o WHERE o.book_id = p_book AND o.id = u.id)
                        ELSE coalesce(u.outcome, 'accepted') END ORDER BY u.ordinal) INTO o_outcome
  FROM unnest(o_operation, o_replayed, o_outcome) WITH ORDINALITY u(id, replayed, outcome, ordinal);
END $$;
