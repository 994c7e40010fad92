"""Build the documentation: the API's pages, the gallery with its pictures and notebooks, and the site.

    python docs/build.py                  # everything, into docs/_build/html; about three minutes
    python docs/build.py --no-gallery     # the same pages, no example is run: a minute
    python docs/build.py --out FOLDER

A warning is an error. Afterwards every link inside the site, to pages and to places on them, is checked, offline.
"""

import argparse
import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parent


class Links(HTMLParser):
    """The places (ids) of a page, and where it links to."""

    def __init__(self, page):
        super().__init__()
        self.places, self.targets = {"", "top"}, []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note an element's id, and the address of a link, a picture, a script or a style sheet."""
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken_links(site):
    """Return what the pages of a folder link to inside it, and is not there."""
    pages = {str(page): Links(page) for page in sorted(site.rglob("*.html")) if "_static" not in page.parts}
    broken = []
    for page, links in pages.items():
        for target in sorted(set(links.targets)):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            found = os.path.normpath(os.path.join(os.path.dirname(page), unquote(parts.path))) if parts.path else page
            places = pages[found].places if found in pages else None
            if (unquote(parts.fragment) not in places) if places else not os.path.exists(found):
                broken.append(f"{os.path.relpath(page, site)}: {target}")
    return broken


def main():
    """Build what the command line asks for; raise SystemExit where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "_build", help="default: docs/_build")
    parser.add_argument("--no-gallery", action="store_true", help="run no example: their pages have no pictures")
    parser.add_argument("--jobs", default="1", help="processes of Sphinx, or auto")
    arguments = parser.parse_args()
    os.environ["KERNELCONV_PLOT_GALLERY"] = "0" if arguments.no_gallery else "1"
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.path.insert(0, str(HERE))
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        raise SystemExit('Sphinx is missing: pip install "kernelconv[docs]".') from None
    import api_pages

    api_pages.write(HERE / "api")
    site = arguments.out / "html"
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", arguments.jobs, "-d", str(arguments.out / "doctrees")]
    status = sphinx([*options, str(HERE), str(site)])
    if status:
        raise SystemExit(status)
    broken = broken_links(site)
    if broken:
        raise SystemExit("\n".join(["These links lead nowhere:", *broken]))
    print(f"{len(list(site.rglob('*.html')))} pages, every link inside leads somewhere: {site / 'index.html'}")


if __name__ == "__main__":
    main()
