"""Texts that would run as a script if a page took them for more than text. Each would tell `window.__xss`."""

from __future__ import annotations

from typing import Final

TELL: Final = "__xss.push(location.href)"
PAYLOADS: Final = (
    f"<script>{TELL}</script>",
    f"</script><script>{TELL}</script>",
    f"</title><script>{TELL}</script>",
    f"</textarea><script>{TELL}</script>",
    f"</template><script>{TELL}</script>",
    f"</style><script>{TELL}</script>",
    f"--><script>{TELL}</script>",
    f"<!--<script>{TELL}//--></script>",
    f"<ScRiPt>{TELL}</sCrIpT>",
    f"<script/src=data:,{TELL}></script>",
    f"<img src=x onerror={TELL}>",
    f'"><img src=x onerror={TELL}>',
    f"'><img src=x onerror={TELL}>",
    f"`><img src=x onerror={TELL}>",
    f'" autofocus onfocus="{TELL}" x="',
    f"' autofocus onfocus='{TELL}' x='",
    f'" onmouseover="{TELL}" style="position:fixed;inset:0',
    f"<svg onload={TELL}>",
    f"<svg><script>{TELL}</script></svg>",
    f"<svg><animate onbegin={TELL} attributeName=x dur=1s>",
    f'<math><mi//xlink:href="data:x,<script>{TELL}</script>">',
    f"<body onload={TELL}>",
    f"<details open ontoggle={TELL}>",
    f"<video><source onerror={TELL}></video>",
    f"<iframe srcdoc='<script>parent.{TELL}</script>'>",
    f'<iframe src="javascript:parent.{TELL}">',
    f'<object data="javascript:{TELL}">',
    f'<embed src="javascript:{TELL}">',
    f'<form action="javascript:{TELL}"><button autofocus>x</button></form>',
    f'<meta http-equiv=refresh content="0;url=javascript:{TELL}">',
    "<base href=//evil.example/>",
    f'<link rel=stylesheet href="javascript:{TELL}">',
    f"<style>@import 'javascript:{TELL}';</style>",
    f'<a href="javascript:{TELL}" data-xss>x</a>',
    f"javascript:{TELL}",
    f'<div hx-get=/api/session hx-trigger=load hx-on::load="{TELL}" data-xss></div>',
    f"<div hx-vals='js:{{a: {TELL}}}' hx-get=/ hx-trigger=load data-xss></div>",
    f"{{{{ {TELL} }}}}{{% {TELL} %}}${{{TELL}}}",
    f"\\u003cscript\\u003e{TELL}\\u003c/script\\u003e",
    f"&lt;script&gt;{TELL}&lt;/script&gt;<script>{TELL}</script>",
)
MARKS: Final = (
    "[data-xss], script:not([src]), iframe, object, embed, base, style, [onerror], [onload], [onfocus], [ontoggle]"
)
"""What only a payload brings into a page: nothing of ours has any of it."""
