"""What strangers write where a title should be."""

from __future__ import annotations

OWNED = "document.documentElement.setAttribute('data-owned',1)"


def payloads(server: str) -> dict[str, str]:
    """By kind; ``server`` is an address that must never be asked for anything."""
    return {
        "script": f"<script>{OWNED}</script><script src={server}/s.js></script>",
        "closing": f"</title></style></script></textarea>--><script>{OWNED}</script>",
        "image": f"\"'><img src={server}/i.png onerror={OWNED}><svg onload={OWNED}>",
        "frame": f"<iframe src=javascript:{OWNED}></iframe><base href={server}/>"
        f"<meta http-equiv=refresh content=0;url={server}/m><link rel=stylesheet href={server}/c>",
        "style": f"red}} * {{ display:none; background:url({server}/b) }} @import '{server}/a';",
        "link": f"javascript:{OWNED}//{server}/j",
        "jinja": "{{ 7*7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
        "format": "%s%s%n%x {0.__class__.__init__.__globals__} ${HOME} $(touch owned) `id`",
        "terminal": "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\x08\x08\r\x1b]8;;http://x\x1b\\",
        "console": "[bold red]markup[/] [link=http://x]y[/link] :smile:",
        "bidi": "\u202egpj.exe\u2066\u200b\u200f\ufeff\u2028\u2029\U000e0041",
        "lines": "one\ntwo\r\nthree\tfour\x00five",
        "long": "A" * 200_000,
        "path": "../../../../etc/passwd\\..\\..\\x",
        "marks": "a\u0301" * 300 + "\U0001f468\u200d\U0001f469",
    }
