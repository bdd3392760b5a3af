import psycopg
from tests.ledger.poster import Poster, open_book
def test_locks(scratch, capsys):
    n=2000
    book=open_book(scratch.owner_url,*[f"a{i} EUR floor -1000" for i in range(n)])
    ids=list(book.accounts.values())
    conns=[]
    with capsys.disabled():
        for k in range(8):
            c=psycopg.connect(scratch.database_url); conns.append(c)
            # different accounts would be more realistic; same accounts would block, so use disjoint books
            b=open_book(scratch.owner_url,*[f"a{i} EUR floor -1000" for i in range(n)])
            try:
                r=Poster(c,book_id=b.id,source_id=b.source_id).post(*[(f"{i}",[(a,-1)]) for i,a in enumerate(b.accounts.values())])
                print(k, set(r), c.execute("select count(*) from pg_locks where locktype='advisory'").fetchone())
            except psycopg.Error as e:
                print(k, type(e).__name__, str(e)[:150]); break
    for c in conns: c.close()
