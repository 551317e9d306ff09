"""Foreign text made safe to look at: characters that hide, reorder or command become visible.

A response may hold terminal commands, right-to-left overrides or text in zero-width characters.
Shown as they are, they would change what a reader sees; here they are spelled out, as in ⟦U+202E⟧.
"""

import re

__all__ = ["visible"]

# General categories Cc (without tab and line feed), Cf, Cs, Zl and Zp.
_CONTROL = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
# Others that show nothing: fillers, the grapheme joiner, and the variation selectors, which can
# carry hidden text. The two selectors of text and emoji style, U+FE0E and U+FE0F, are ordinary.
_BLANK = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0"
    "\U000e0100-\U000e01ef"
)
_HIDDEN = re.compile(f"[{_CONTROL}{_BLANK}]")


def visible(text: str) -> str:
    """Return `text` with control, format, surrogate and blank characters spelled out.

    Tabs and line ends stay (CR LF becomes LF). The result can always be encoded as UTF-8.
    """
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found.group()):04X}⟧", text.replace("\r\n", "\n"))
