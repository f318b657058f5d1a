"""Make flows/check/support.json: what mail programs support, from caniemail.com's data.

    python scripts/make_caniemail.py node_modules/caniemail

The argument is the unpacked npm package `caniemail` (MIT), which carries that data. Of the mail
programs that CLIENTS names, those are kept that do not show a feature of HTML or CSS, by the newest
version tested.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "flows" / "check" / "support.json"
# What Europe's readers have; a program with one engine on several systems is named once.
CLIENTS = {
    "apple-mail/macos": "Apple Mail",
    "apple-mail/ios": "Apple Mail (iOS)",
    "gmail/desktop-webmail": "Gmail",
    "gmail/ios": "Gmail (iOS)",
    "gmail/android": "Gmail (Android)",
    "outlook/windows": "Outlook (Windows)",
    "outlook/macos": "Outlook (macOS)",
    "outlook/outlook-com": "Outlook.com",
    "outlook/ios": "Outlook (iOS)",
    "outlook/android": "Outlook (Android)",
    "yahoo/desktop-webmail": "Yahoo",
    "samsung-email/android": "Samsung Email",
    "thunderbird/macos": "Thunderbird",
    "protonmail/desktop-webmail": "Proton Mail",
    "gmx/desktop-webmail": "GMX",
    "web-de/desktop-webmail": "WEB.DE",
    "orange/desktop-webmail": "Orange",
    "laposte/desktop-webmail": "La Poste",
}
# What a title names, where its words do not.
NAMED = {
    "css-display-flex": [("value", "display:flex")],
    "css-display-grid": [("value", "display:grid")],
    "css-display-none": [("value", "display:none")],
    "css-gap": [("property", "gap"), ("property", "column-gap"), ("property", "row-gap")],
    "css-left-right-top-bottom": [
        ("property", side) for side in ("left", "right", "top", "bottom")
    ],
    "css-variables": [("function", "var")],
    "css-unit-calc": [("function", "calc")],
    "css-unit-percent": [("unit", "%")],
    "css-unit-initial": [("keyword", "initial")],
    "css-important": [("keyword", "!important")],
    "css-font": [("property", "font")],
    "css-color-scheme": [("property", "color-scheme")],
    "css-at-media-prefers-color-scheme": [("at", "prefers-color-scheme")],
    "css-modern-color": [("function", name) for name in ("lch", "oklch", "lab", "oklab")],
    "html-address": [("element", "address")],
    "html-base": [("element", "base")],
    "html-h1-h6": [("element", f"h{level}") for level in range(1, 7)],
    "html-lists": [("element", name) for name in ("ul", "ol", "dl")],
    "html-svg": [("element", "svg")],
    "html-srcset": [("attribute", "srcset"), ("attribute", "sizes")],
    "html-semantics": [
        ("element", name)
        for name in (
            *("article", "aside", "details", "figcaption", "figure", "footer", "header", "main"),
            *("mark", "nav", "section", "summary", "time"),
        )
    ],
    "html-meta-color-scheme": [("meta", "color-scheme")],
}


def main(package: Path) -> None:
    """Read the package, write the file."""
    data = json.loads((package / "data" / "caniemail.json").read_text(encoding="utf-8"))
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    found = [
        {
            "title": feature["title"].strip(),
            "url": feature["url"],
            "marks": marks,
            "clients": _without(feature["stats"]),
        }
        for feature in data["data"]
        if feature["category"] in {"css", "html"} and (marks := _marks(feature))
    ]
    head = {
        "source": f"caniemail.com, by the npm package caniemail {version}",
        "tested": data["last_update_date"].partition(" ")[0],
        "license": (package / "LICENSE").read_text(encoding="utf-8"),
    }
    # A feature is a line: what changes with the next version is then seen in a diff.
    features = (json.dumps(feature, ensure_ascii=False) for feature in found if feature["clients"])
    text = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    lines = ",\n  ".join(features)
    TARGET.write_text(f'{text},\n "features": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def _without(stats: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    """Return the programs whose newest tested version does not support the feature."""
    names = []
    for place, name in CLIENTS.items():
        family, platform = place.split("/")
        tested = stats.get(family, {}).get(platform)
        if tested and list(tested.values())[-1].startswith("n"):
            names.append(name)
    return names


def _marks(feature: dict[str, Any]) -> list[list[str]]:
    """Return what gives a feature away in a mail, each (kind, name); nothing if that is unknown."""
    slug, title = feature["slug"], feature["title"].strip()
    if slug in NAMED:
        return [list(mark) for mark in NAMED[slug]]
    patterns = {
        "at": r"@([a-z-]+)",
        "function": r"([a-z-]+)\(\)",
        "unit": r"([a-z]+) unit",
        "attribute": r"([a-z-]+) attribute",
        "element": r"<([a-z0-9]+)>(?: element)?",
    }
    for kind, pattern in patterns.items():
        if match := re.fullmatch(pattern, title):
            return [[kind, match[1]]]
    if title.startswith(":") and not title.startswith("::"):
        return [["pseudo", title.strip(":()")]]
    name = re.sub(r"( property| shorthand)$", "", title)
    return [["property", name]] if re.fullmatch(r"[a-z-]+", name) and slug != "html-body" else []


if __name__ == "__main__":
    main(Path(sys.argv[1]))
