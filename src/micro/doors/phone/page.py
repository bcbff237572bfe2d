"""The page from which a phone takes the certificate, before it can trust anything that the node says.

Pure.

It comes without TLS, so that it may be somebody else's. What a phone shows of a certificate that it has is beyond his
reach: its fingerprint is compared there, with the one that Settings show.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from micro.doors.phone.words import WORDS, language_of

__all__ = ["POLICY", "trust_page"]

STYLE: Final = """
:root{color-scheme:light dark}*{box-sizing:border-box}
body{font:17px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;max-width:36rem;margin:0 auto;
padding:24px 16px;overflow-wrap:anywhere;color:light-dark(#16181d,#eceef2);background:light-dark(#f6f6f4,#0f1115)}
h1{font-size:26px;line-height:1.2;letter-spacing:-.02em}h2{font-size:19px;margin:28px 0 8px}ol{padding-left:22px}
li{margin:6px 0}.soft{color:light-dark(#5b6170,#9aa1b0);font-size:15px}
a.button{display:block;text-align:center;font-weight:600;text-decoration:none;border-radius:8px;padding:13px 16px;
margin:12px 0;color:light-dark(#fff,#06231d);background:light-dark(#0b6e5f,#4fd1b5)}
code{font:14px/1.6 ui-monospace,SFMono-Regular,Menlo,monospace;display:block;padding:12px;border-radius:8px;
border:1px solid light-dark(#e6e6e2,#262a33);background:light-dark(#fff,#16181d)}
"""

_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def trust_page(name: str, fingerprint: str, languages: str, host: str = "") -> str:
    """Returns the page.

    Args:
        name: what the certificate is called in lists of phones.
        fingerprint: of the certificate.
        languages: what a browser prefers, as `Accept-Language` says it.
        host: the one name that it is good for, "" where it is for a house.
    """
    language = language_of(languages)
    words = {key: escape(text).replace("{name}", f"<b>{escape(name)}</b>") for key, text in WORDS[language].items()}

    reach = words["reach_host" if host else "reach"].replace("{host}", f"<b>{escape(host)}</b>")

    def steps(kind: str) -> str:
        return "<ol>" + "".join(f"<li>{step}</li>" for step in words[kind].split("\n")) + "</ol>"

    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{words["title"]}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<h1>{words['title']}</h1><p>{words['why']}</p><p class='soft'>{reach}</p>"
        f"<h2>Android</h2><a class='button' href='/micro.crt' download>{words['take']}</a>{steps('android')}"
        f"<h2>iPhone, iPad</h2><a class='button' href='/micro.mobileconfig'>{words['profile']}</a>{steps('apple')}"
        f"<h2>{words['compare']}</h2><p>{words['compare_how']}</p><code>{escape(fingerprint)}</code>"
        f"<p class='soft'>{words['after']}</p></body></html>\n"
    )
