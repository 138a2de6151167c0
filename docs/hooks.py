"""Hooks for MkDocs: files from outside docs/ that its pages link to, and docstrings in the words that griffe knows."""

import re
from pathlib import Path

import griffe
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
FIGURES = ("best_of_n-mlp.png", "curves-mlp.png", "paths-rosenbrock.gif", "rates-mlp.png", "runtimes.png")
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "reports/atlas/index.html",
    "reports/house.svg",
    "reports/page.png",
    "reports/race.gif",
    "reports/sweep/report/answer.png",
    *(f"reports/sweep/report/figures/{name}" for name in FIGURES),
    "reports/peers.json",
    "reports/lecture/index.html",
    "reports/lecture/figures/B2.1.png",
    "reports/sweep/report/index.html",
)


def on_files(files, config):
    """Add the files from outside, at their place in the repository."""
    for name in OUTSIDE:
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, page, **_):
    """Write links as the site has its files, those of docs/ beside those from outside; and leave out tests' words."""
    markdown = re.sub(r"^(```\w+) \w+$", r"\1", markdown, flags=re.M)
    if "/" in page.file.src_uri:  # pages in folders of docs/ have no links to the outside
        return markdown
    return re.sub(r"\]\((?:\.\./|docs/)", "](", markdown)


class Docstrings(griffe.Extension):
    """Translates "Example:" and references of Sphinx's kind, which griffe does not know."""

    def on_object(self, *, obj, **_):
        """Change the docstring of an object that has one."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.M)
            obj.docstring.value = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
