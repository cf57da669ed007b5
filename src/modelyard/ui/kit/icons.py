"""The icon sprite: one small drawing a word, 16 x 16, stroke 1.4, our own lines; a page carries it once, inline.

Marks of state are shapes first (10 x 10): filled circle ok, triangle warn, square bad, half disc run, dashed ring wait,
open ring off. An icon never stands without a word or a label beside it.
"""

from __future__ import annotations

from functools import cache

ICONS: dict[str, str] = {
    "home": '<path d="M2.4 7.6 8 3l5.6 4.6M4 6.6v6.6h8V6.6M6.7 13.2V9.6h2.6v3.6"/>',
    "inbox": '<path d="M2.4 9.2h3.2c.3 1.3 1.2 2 2.4 2s2.1-.7 2.4-2h3.2M2.4 9.2v3.9h11.2V9.2L11.5 3.2h-7z"/>',
    "table": '<rect x="2.2" y="2.8" width="11.6" height="10.4" rx="1.2"/><path d="M2.2 6.3h11.6M2.2 9.7h11.6M6.3 6.3v6.9"/>',
    "shield": '<path d="M8 2 3 3.9v3.8c0 3.1 2 5.2 5 6.3 3-1.1 5-3.2 5-6.3V3.9zM5.8 8l1.6 1.6 2.9-3.2"/>',
    "columns": '<rect x="2.4" y="3" width="2.9" height="10" rx=".6"/><rect x="6.6" y="3" width="2.9" height="10" rx=".6"/><rect x="10.7" y="3" width="2.9" height="10" rx=".6"/>',
    "pipeline": '<rect x="1.9" y="2.6" width="4.2" height="3.8" rx=".7"/><rect x="1.9" y="9.6" width="4.2" height="3.8" rx=".7"/><rect x="9.9" y="6.1" width="4.2" height="3.8" rx=".7"/><path d="M6.1 4.5H8v7H6.1M8 8h1.9"/>',
    "play": '<path d="M4.8 3.3v9.4L12.4 8z"/>',
    "model": '<path d="M8 1.9 13.3 5v6L8 14.1 2.7 11V5zM2.7 5 8 8.1 13.3 5M8 8.1v6"/>',
    "branch": '<circle cx="4" cy="3.7" r="1.6"/><circle cx="4" cy="12.3" r="1.6"/><circle cx="12" cy="8" r="1.6"/><path d="M4 5.3v5.4M4 5.3C4 7.6 6.2 8 10.4 8"/>',
    "endpoint": '<circle cx="8" cy="8" r="1.5"/><path d="M4.7 4.7a4.7 4.7 0 0 0 0 6.6M11.3 4.7a4.7 4.7 0 0 1 0 6.6M2.6 2.6a7.6 7.6 0 0 0 0 10.8M13.4 2.6a7.6 7.6 0 0 1 0 10.8"/>',
    "pulse": '<path d="M1.6 8.6h2.8L6.5 4l3 8.3 2-3.7h2.9"/>',
    "bell": '<path d="M4.1 11V7.1a3.9 3.9 0 0 1 7.8 0V11l1.2 1.1H2.9zM6.7 14h2.6"/>',
    "lineage": '<circle cx="3.5" cy="8" r="1.6"/><circle cx="12.5" cy="3.9" r="1.6"/><circle cx="12.5" cy="12.1" r="1.6"/><path d="M5.1 8c3.7 0 2-4.1 5.8-4.1M5.1 8c3.7 0 2 4.1 5.8 4.1"/>',
    "list": '<path d="M2.6 4h.9M6 4h7.4M2.6 8h.9M6 8h7.4M2.6 12h.9M6 12h7.4"/>',
    "lock": '<rect x="3" y="7" width="10" height="6.4" rx="1.1"/><path d="M5.3 7V5.1a2.7 2.7 0 0 1 5.4 0V7"/>',
    "coin": '<circle cx="8" cy="8" r="5.6"/><path d="M9.9 6.3C9.5 5.6 8.9 5.3 8 5.3c-1 0-1.8.5-1.8 1.3 0 1.9 3.7.9 3.7 2.8 0 .8-.9 1.3-1.9 1.3-.9 0-1.6-.3-1.9-1M8 4.1v7.8"/>',
    "book": '<path d="M8 4.3C6.6 3.2 4.7 2.9 2.5 3v9.2c2.2-.1 4.1.2 5.5 1.3 1.4-1.1 3.3-1.4 5.5-1.3V3c-2.2-.1-4.1.2-5.5 1.3zM8 4.3v9.2"/>',
    "layers": '<path d="m8 2.4 5.6 2.9L8 8.2 2.4 5.3zM2.4 8 8 10.9 13.6 8M2.4 10.7 8 13.6l5.6-2.9"/>',
    "flask": '<path d="M6.3 2.3h3.4M6.9 2.3v4L3.3 12.6c-.3.6.1 1.2.7 1.2h8c.6 0 1-.6.7-1.2L9.1 6.3v-4M4.9 9.8h6.2"/>',
    "target": '<circle cx="8" cy="8" r="5.5"/><circle cx="8" cy="8" r="1.7"/>',
    "commit": '<circle cx="8" cy="8" r="2.5"/><path d="M1.9 8h3.6M10.5 8h3.6"/>',
    "code": '<path d="M5.2 4.6 1.9 8l3.3 3.4M10.8 4.6 14.1 8l-3.3 3.4"/>',
    "file": '<path d="M4 2.2h5.2L12 5v8.8H4zM9.2 2.2V5H12"/>',
    "person": '<circle cx="8" cy="5.3" r="2.6"/><path d="M2.9 13.5c.5-2.6 2.5-3.9 5.1-3.9s4.6 1.3 5.1 3.9"/>',
    "split": '<path d="M1.9 8h4.3c2.6 0 2.6-3.9 5.2-3.9h2.7M6.2 8c2.6 0 2.6 3.9 5.2 3.9h2.7"/>',
    "dot": '<circle cx="8" cy="8" r="2"/>',
    "search": '<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>',
    "theme": '<circle cx="8" cy="8" r="5.4"/><path d="M8 2.6v10.8a5.4 5.4 0 0 0 0-10.8z" fill="currentColor" stroke="none"/>',
    "menu": '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
    "close": '<path d="m4.2 4.2 7.6 7.6M11.8 4.2l-7.6 7.6"/>',
    "check": '<path d="m3.3 8.4 3 3 6.4-6.7"/>',
    "plus": '<path d="M8 3.2v9.6M3.2 8h9.6"/>',
    "down": '<path d="M3.6 6 8 10.4 12.4 6"/>',
    "right": '<path d="M6 3.6 10.4 8 6 12.4"/>',
    "up-arrow": '<path d="M8 13V3.4M4.3 7 8 3.3 11.7 7"/>',
    "down-arrow": '<path d="M8 3v9.6M4.3 9 8 12.7 11.7 9"/>',
    "load": '<path d="M8 2.5v7.3M4.9 6.9 8 10l3.1-3.1M2.8 13.3h10.4"/>',
    "undo": '<path d="M5.4 3 2.6 5.8l2.8 2.8M2.8 5.8h6.6a3.6 3.6 0 0 1 0 7.2H6.2"/>',
    "copy": '<rect x="5.6" y="5.6" width="7.8" height="7.8" rx="1.1"/><path d="M3.6 10.4h-1V2.6h7.8v1"/>',
    "talk": '<path d="M2.5 3.2h11v8H7.3L4.4 13.6v-2.4H2.5z"/>',
    "chart": '<path d="M2.5 2.5v11h11M4.8 10.4l2.6-3.2 2.2 1.7 3.6-4.6"/>',
    "filter": '<path d="M2.4 4.2h11.2M4.5 8h7M6.6 11.8h2.8"/>',
    "tag": '<path d="M2.5 2.6h5.4l5.6 5.6-5.3 5.3-5.7-5.6z"/><circle cx="5.4" cy="5.5" r=".8"/>',
    "pin": '<path d="M5.4 2.5h5.2M6.2 2.5v4L4.2 9h7.6l-2-2.5v-4M8 9v4.8"/>',
    "eye": '<path d="M1.6 8C3 5.3 5.2 3.9 8 3.9S13 5.3 14.4 8C13 10.7 10.8 12.1 8 12.1S3 10.7 1.6 8z"/><circle cx="8" cy="8" r="1.9"/>',
    "gear": '<circle cx="8" cy="8" r="2.1"/><path d="M8 1.9v2M8 12.1v2M1.9 8h2M12.1 8h2M3.7 3.7l1.4 1.4M10.9 10.9l1.4 1.4M3.7 12.3l1.4-1.4M10.9 5.1l1.4-1.4"/>',
    "leave": '<path d="M9.5 2.8H3v10.4h6.5M6.8 8h7M11.2 5.4 13.8 8l-2.6 2.6"/>',
    "keys": '<rect x="1.8" y="4" width="12.4" height="8" rx="1.2"/><path d="M4.3 6.7h.1M6.8 6.7h.1M9.3 6.7h.1M11.7 6.7h.1M5 9.5h6"/>',
    "dots": '<path d="M3.4 8h.1M8 8h.1M12.5 8h.1" stroke-width="2"/>',
}  # fmt: skip

MARKS: dict[str, str] = {
    "ok": '<circle cx="5" cy="5" r="4"/>',
    "warn": '<path d="M5 .7 9.6 9.1H.4z"/>',
    "bad": '<rect x="1" y="1" width="8" height="8"/>',
    "run": '<circle cx="5" cy="5" r="3.6" fill="none" stroke="currentColor" stroke-width="1.2"/><path d="M5 1.4a3.6 3.6 0 0 1 0 7.2z"/>',
    "wait": '<circle cx="5" cy="5" r="3.4" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2 1.560"/>',
    "off": '<circle cx="5" cy="5" r="3.4" fill="none" stroke="currentColor" stroke-width="1.4"/>',
}

BRAND = '<path d="M2.2 16V2.4h3.6L9 8.2l3.2-5.8h3.6V16M6.2 16v-4.6M11.8 16v-4.6" fill="none" stroke="currentColor" stroke-width="1.9"/>'


@cache
def sprite() -> str:
    """The whole sprite as SVG symbols: `i-NAME` for icons, `m-STATE` for marks, `brand`."""
    icons = "".join(f'<symbol id="i-{name}" viewBox="0 0 16 16">{body}</symbol>' for name, body in ICONS.items())
    marks = "".join(f'<symbol id="m-{name}" viewBox="0 0 10 10">{body}</symbol>' for name, body in MARKS.items())
    return f'{icons}{marks}<symbol id="brand" viewBox="0 0 18 18">{BRAND}</symbol>'
