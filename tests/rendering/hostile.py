"""What strangers may write into a model card."""

from __future__ import annotations

from hypothesis import strategies as st

MARKUP = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "[red]x[/red]:smile:",
    "--><!--",
)
HIDDEN = (
    "\u202egnihton\u202c",
    "\u2066x\u2069",
    "\x1b[31mred\x1b]0;title\x07",
    "\x00\x08\x7f\x9b",
    "\u200b\ufeff",
    "a\nb\rc\u2028d",
)
RIGHT_TO_LEFT = "שלום/مرحبا"

names = st.one_of(
    st.sampled_from((*MARKUP, *HIDDEN, RIGHT_TO_LEFT, "x" * 20_000)),
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60),
)
