import json, re, pytest
from urllib.parse import quote
from werkzeug.exceptions import HTTPException
from monnaie_locale.identity.roles import Role
from tests.factories.ledger import open_world
from tests.factories.market import market_at
from tests.factories.merchants import pairing
from tests.factories.month import open_month_in
from tests.factories.site import csrf_token
from tests.integration.monnaie_locale.reconciliation.test_differences_api import live, site_of
ODDQ = ["%00", "a%00b", "99999999999999999999", "-1", "%F0%9F%98%80%27%22%5C", "%E2%80%A8", "a"*700, "%ED%A0%80"]
NAMES = "avant page virement cursor month mois month annee year q recherche motif kind nature filtre etat compte piece de a du au jour card amount key pin note ref reference coquille format".split()
FIELDS = "note amount card key pin label reference end_to_end_id name code kind cutoff_on execution_on document year reason carried_reason format active mark cashier cashier_id household wallet to_wallet_id role password email login siret iban category minimum_cents line_no part_no month expires_on number virement motif actor minimum fee pain_version cents to".split()
def test_pages(db_engine):
    month = open_month_in(open_world(db_engine)); live(month)
    site = site_of(month); site.app.config["PROPAGATE_EXCEPTIONS"]=False
    staff = site.client_of(*(r for r in Role if r not in {Role.TILL, Role.HOLDER, Role.PUBLIC}))
    till = site.app.test_client()
    _, code = pairing(month.world, month.shops[0], label="C2")
    till.post(f"/caisse/appairer/{code}")
    anon = site.app.test_client()
    bad = {}; n=0
    for rule in sorted(site.app.url_map.iter_rules(), key=str):
        if rule.rule.startswith("/api/"): continue
        def built(special=None, which=-1):
            out=[]; k=0
            for is_dyn, text in rule._trace if hasattr(rule,'_trace') else []: pass
            def repl(m):
                nonlocal k
                v = special if k==which else ("1" if m[1] and m[1].startswith("int") else "2026-10")
                k+=1; return v
            return re.sub(r"<(?:([a-z_]+(?:\([^)]*\))?):)?([a-z_]+)>", repl, rule.rule), k
        path, count = built()
        paths=[path]+[built(s,i)[0] for i in range(count) for s in ("%00","2147483648","99999999999999999999","9999-12","0000-10","0001-01","%F0%9F%98%80","2026-13","a"*300)]
        if "GET" in rule.methods:
            urls = paths+[f"{path}?{nm}={v}" for nm in NAMES for v in ODDQ[:2]]+[f"{path}?page={v}&avant={v}&virement={v}" for v in ODDQ]
            for u in urls:
                for c in (staff,till,anon):
                    n+=1
                    try:
                        a=c.get(u); s=a.status_code
                    except Exception as e: s=f"EXC {type(e).__name__} {str(e)[:80]}"
                    if not isinstance(s,int) or s>=500: bad.setdefault(("GET",rule.rule),set()).add((u[:90],s))
        if "POST" in rule.methods and not any(x in rule.rule for x in ("sortir","deconnex","quitter")):
            for who,c,home in (("staff",staff,"/bureau"),("till",till,"/caisse")):
                try: tok=csrf_token(c,home)
                except Exception: tok=""
                for u in paths:
                    for v in ("\x00","a\x00b","99999999999999999999","-1","😀\\'\"", "", "2147483648"):
                        if u is not path and v not in ("a\x00b",""): continue
                        n+=1
                        data={f:v for f in FIELDS}|{"csrf_token":tok}
                        try:
                            a=c.post(u,data=data); s=a.status_code
                        except Exception as e: s=f"EXC {type(e).__name__} {str(e)[:80]}"
                        if not isinstance(s,int) or s>=500: bad.setdefault(("POST",rule.rule),set()).add((who,u[:60],v,s))
    print(n)
    for k,v in bad.items(): print(k, sorted(map(str,v))[:6])
    site.rt.stop()
    assert 0
