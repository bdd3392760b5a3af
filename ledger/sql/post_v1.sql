-- ledger_post_v1: the one statement that posts. A batch in, one outcome for each operation out, in input order; a single request is a
-- batch of one.
-- Inputs:    book; parallel arrays with one element for each operation (p_refusal: a code the caller already found, else NULL; p_effective
--            NULL = as recorded; p_reverses NULL as a whole when nothing is reversed); parallel arrays with one element for each entry of
--            the operations not refused (e_ordinal: 1-based place of its operation; those of one operation stand together); p_all: refuse
--            every operation when one is refused; p_inbox: the inbox rows that these operations are, which leave it now (NULL as a whole for none);
--            p_request_id to p_mac: where each message came from and its MAC, made with the key that p_mac_key names (each NULL as a
--            whole for none); l_…: what the operations take of sums per day (ledger_spend_v1; NULL as a whole for none).
-- Result:    operation ids (of the original, where the key was used before), outcomes ('accepted', a refusal code, 'key_reused'), whether the
--            key was used before, the recorded time of what is new, entry ids aligned with the entries (NULL where none was written),
--            the way through the gate (see judge_floors_v1.sql).
-- Invariants: I5 the transaction id comes first. I6 the key decides before any other check; keys are claimed in sorted order and then
--            locks are taken in the order reversal, account, so posters never deadlock. I11 floors. I12 a group is zero for each unit (the
--            caller has refused others; here it is an assertion). I13 an operation is reversed at most once.
-- Waits:     the same key in flight; the same operation being reversed; a decrement near its floor; a posting under the same sum per day.
-- Cost:      four statements for any number of operations, one more with groups, two more with a decrement of a gated account; what
--            needs no table is done in loops, because starting a statement costs what fifty turns of a loop do; and each expression
--            costs anew in each transaction, so what is rare stands behind one question. Plans are generic (planning
--            for each call costs more than running it), so every look-up is written as a probe: LATERAL with OFFSET 0 leaves the
--            planner no other way, also without statistics, and a book of millions of accounts is never hashed. Nested loops are off
--            for the rest, because two lists of a batch look short to a generic plan and are not.
CREATE OR REPLACE FUNCTION public.ledger_post_v1(
  p_book integer, p_source bigint[], p_key text[], p_kind text[], p_message bytea[], p_hash bytea[], p_credential text[],
  p_received timestamptz[], p_effective timestamptz[], p_reverses bigint[], p_metadata jsonb[], p_refusal text[],
  e_ordinal integer[], e_account bigint[], e_amount numeric[], p_all boolean, p_inbox bigint[] DEFAULT NULL,
  p_request_id text[] DEFAULT NULL, p_traceparent text[] DEFAULT NULL, p_signature text[] DEFAULT NULL, p_mac bytea[] DEFAULT NULL, p_mac_key text DEFAULT NULL,
  l_ordinal integer[] DEFAULT NULL, l_grant bigint[] DEFAULT NULL, l_amount numeric[] DEFAULT NULL, l_max numeric[] DEFAULT NULL,
  OUT o_operation bigint[], OUT o_outcome text[], OUT o_replayed boolean[], OUT o_recorded timestamptz, OUT o_entry bigint[],
  OUT o_gate integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off AS $$
DECLARE
  total CONSTANT integer := cardinality(p_key);
  entries CONSTANT integer := cardinality(e_ordinal);
  drawn bigint[]; live boolean[];
  first integer[]; last integer[]; -- of each operation the places of its first and last entry
  writer xid8; stored bigint; item record; refused integer[]; missing boolean; stopped boolean; gated boolean; unbalanced boolean; stopping boolean := false;
BEGIN
  -- I11 needs both: a statement here must see what was committed before it had its locks, and the gate counts one call for each
  -- transaction under way.
  IF current_setting('transaction_isolation') <> 'read committed' OR pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'a posting must be alone in its transaction, at the isolation level read committed';
  END IF;

  -- 1. Keys. The unique key decides between concurrent claims; the loser waits for the winner and sees its operation.
  writer := pg_current_xact_id();
  FOR i IN 1 .. total LOOP drawn[i] := nextval('ledger_operation_id_seq'); END LOOP;
  INSERT INTO ledger_operation_key (book_id, source_id, key, operation_id)
  SELECT p_book, p_source[i], p_key[i], drawn[i] FROM generate_series(1, total) i
  ORDER BY p_source[i], p_key[i], i
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS stored = ROW_COUNT;
  o_operation := drawn;
  o_replayed := array_fill(false, ARRAY[total]);

  -- 2. Accounts, and the law of groups.
  FOR i IN 1 .. entries LOOP
    IF first[e_ordinal[i]] IS NULL THEN first[e_ordinal[i]] := i; END IF;
    last[e_ordinal[i]] := i;
  END LOOP;
  SELECT bool_or(a.id IS NULL), bool_or(a.status <> 'open'), bool_or(a.gated AND e_amount[i] < 0) INTO missing, stopped, gated
  FROM generate_series(1, entries) i
  LEFT JOIN LATERAL (SELECT x.id, x.status, x.gated FROM accounts_account x WHERE x.book_id = p_book AND x.id = e_account[i] OFFSET 0) a ON true;
  IF missing THEN RAISE EXCEPTION 'an entry names an account that is not in book %', p_book; END IF;
  IF first <> last THEN
    SELECT true INTO unbalanced
    FROM generate_series(1, entries) i
    CROSS JOIN LATERAL (SELECT x.unit_id FROM accounts_account x WHERE x.book_id = p_book AND x.id = e_account[i] OFFSET 0) a
    WHERE first[e_ordinal[i]] < last[e_ordinal[i]]
    GROUP BY e_ordinal[i], a.unit_id HAVING sum(e_amount[i]) <> 0 LIMIT 1;
    IF unbalanced THEN RAISE EXCEPTION 'a group operation is not zero for each unit'; END IF;
  END IF;

  IF stored = total AND p_refusal IS NULL AND p_reverses IS NULL AND l_ordinal IS NULL AND (gated OR stopped) IS NOT TRUE THEN
    o_outcome := array_fill('accepted'::text, ARRAY[total]); -- nothing to decide
    live := array_fill(true, ARRAY[total]);
  ELSE
    -- 3. What is decided already: keys used before, refusals that the caller found, accounts that take nothing.
    o_outcome := coalesce(p_refusal, array_fill(NULL::text, ARRAY[total]));
    IF stored < total THEN
      FOR item IN -- unnested: the query of a loop gets a flat copy of each array, in which the n-th text is found by walking there
        SELECT u.i AS ordinal, k.operation_id, CASE WHEN coalesce(o.message_hash, twin.hash) <> u.hash THEN 'key_reused' ELSE o.outcome END AS outcome
        FROM unnest(p_source, p_key, p_hash) WITH ORDINALITY u(source, key, hash, i)
        CROSS JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x
                            WHERE x.book_id = p_book AND x.source_id = u.source AND x.key = u.key OFFSET 0) k
        LEFT JOIN LATERAL (SELECT x.message_hash, x.outcome FROM ledger_operation x
                           WHERE x.book_id = p_book AND x.id = k.operation_id OFFSET 0) o ON true
        LEFT JOIN unnest(drawn, p_hash) twin(id, hash) ON twin.id = k.operation_id -- the same key earlier in this batch
        WHERE k.operation_id <> drawn[u.i]
      LOOP
        o_operation[item.ordinal] := item.operation_id;
        o_replayed[item.ordinal] := true;
        o_outcome[item.ordinal] := item.outcome;
      END LOOP;
    END IF;
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

    -- 4. Reversals: one at a time for each reversed operation, then its claim is visible.
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

    -- 5. Floors; then sums per day, of senders that have such limits. Nothing is counted for a batch that is refused anyway.
    FOR i IN 1 .. total LOOP live[i] := o_outcome[i] IS NULL AND NOT o_replayed[i]; END LOOP;
    IF gated THEN
      refused := ledger_judge_floors_v1(p_book, live, e_ordinal, e_account, e_amount);
      o_gate := refused[1];
      FOR i IN 2 .. coalesce(cardinality(refused), 0) LOOP
        o_outcome[refused[i]] := 'below_floor';
        live[refused[i]] := false;
      END LOOP;
    END IF;
    IF p_all THEN stopping := EXISTS (SELECT FROM unnest(o_outcome) u(outcome) WHERE u.outcome <> 'accepted'); END IF;
    IF l_ordinal IS NOT NULL AND NOT stopping THEN
      refused := ledger_spend_v1(p_book, live, l_ordinal, l_grant, l_amount, l_max, p_all);
      FOR i IN 1 .. coalesce(cardinality(refused), 0) LOOP
        o_outcome[refused[i]] := 'limit_exceeded';
        live[refused[i]] := false;
        stopping := p_all;
      END LOOP;
    END IF;
    FOR i IN 1 .. total LOOP
      IF live[i] THEN
        o_outcome[i] := CASE WHEN stopping THEN 'batch_refused' ELSE 'accepted' END;
        live[i] := NOT stopping;
      END IF;
    END LOOP;
  END IF;

  -- 6. Records. Ids first, then the clock: what lies above a mark was recorded after it was taken.
  o_entry := array_fill(NULL::bigint, ARRAY[entries]);
  FOR i IN 1 .. entries LOOP
    IF live[e_ordinal[i]] THEN o_entry[i] := nextval('ledger_entry_id_seq'); END IF;
  END LOOP;
  o_recorded := clock_timestamp();
  INSERT INTO ledger_entry (id, book_id, operation_id, account_id, amount, recorded_at, effective_at)
  SELECT o_entry[i], p_book, drawn[e_ordinal[i]], e_account[i], e_amount[i], o_recorded, coalesce(p_effective[e_ordinal[i]], o_recorded)
  FROM generate_series(1, entries) i WHERE o_entry[i] IS NOT NULL;
  IF p_reverses IS NOT NULL THEN
    INSERT INTO ledger_operation_key (book_id, source_id, key, operation_id)
    SELECT p_book, 0, 'reversal:' || p_reverses[i], drawn[i] FROM generate_series(1, total) i WHERE p_reverses[i] IS NOT NULL AND live[i];
  END IF;
  INSERT INTO ledger_operation (id, book_id, source_id, key, kind, message, message_hash, credential, received_at, recorded_at, effective_at,
                                outcome, reverses, metadata, refused_accounts, entry_first, entry_last, request_id, traceparent, signature, mac, mac_key)
  SELECT drawn[i], p_book, p_source[i], p_key[i], p_kind[i], p_message[i], p_hash[i], p_credential[i], p_received[i], o_recorded,
         coalesce(p_effective[i], o_recorded), o_outcome[i], p_reverses[i], p_metadata[i],
         CASE WHEN NOT live[i] THEN e_account[first[i]:last[i]] END, o_entry[first[i]], o_entry[last[i]],
         p_request_id[i], p_traceparent[i], p_signature[i], p_mac[i], CASE WHEN p_mac[i] IS NOT NULL THEN p_mac_key END
  FROM generate_series(1, total) i WHERE NOT o_replayed[i];

  IF p_inbox IS NOT NULL THEN DELETE FROM ledger_inbox i WHERE i.id = ANY (p_inbox); END IF;

  -- 7. A repeated key of this batch shares the outcome of its first occurrence.
  IF stored < total THEN
    SELECT array_agg(coalesce(o_outcome[i], (SELECT o.outcome FROM ledger_operation o WHERE o.book_id = p_book AND o.id = o_operation[i])) ORDER BY i)
      INTO o_outcome FROM generate_series(1, total) i;
  END IF;
END $$;
