"""book_links.py FOLDER: follows every link of the HTML pages below FOLDER. Exits 1 when one leads nowhere.

Links to other hosts are counted, not followed: the check needs no network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The ids of a page, and where it leads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("id"):
            self.ids.add(attributes["id"])
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])


def main(folder):
    root = Path(folder).resolve()
    # The page of all pages repeats their links from another place.
    paths = [path for path in root.rglob("*.html") if path.name not in ("print.html", "404.html", "toc.html")]
    pages = {path: Page(path.read_text()) for path in paths}
    followed, elsewhere, broken = 0, 0, []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                elsewhere += 1
                continue
            followed += 1
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            where = f"{path.relative_to(root)}: {link}"
            if not target.is_file() or root not in target.parents:
                broken.append(where)
            elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids:
                broken.append(f"{where} (no such section)")
    if broken or followed < 1000:
        print(*broken, sep="\n", file=sys.stderr)
        sys.exit(f"{len(broken)} of {followed} links of {len(pages)} pages lead nowhere")
    print(f"{len(pages)} pages, {followed} links followed, {elsewhere} to other hosts not followed")


if __name__ == "__main__":
    main(*sys.argv[1:])
