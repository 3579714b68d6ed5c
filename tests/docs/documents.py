"""The documents as data: sections, code blocks, inline code, tables, links."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of code, and where it starts."""

    where: str
    language: str
    code: str


@dataclass(frozen=True)
class Document:
    name: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What stands between single backticks."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)]+)\)", self.prose)

    @property
    def anchors(self) -> set[str]:
        headings = _HEADING.findall(self.prose)
        return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def blocks(self, language: str) -> list[Block]:
        found = []
        for match in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, match.start()) + 1
            found.append(Block(f"{self.name}:{line}", match[1], match[2]))
        return [block for block in found if block.language == language]

    def section(self, heading: str) -> "Document":
        """The part under a heading, up to the next one."""
        start = self.text.index(f"\n## {heading}\n") + 1
        end = self.text.find("\n## ", start)
        return Document(f"{self.name}#{heading}", self.text[start : end if end >= 0 else None])

    def rows(self) -> list[list[list[str]]]:
        """The rows of the tables, each cell as its inline code."""
        lines = [line for line in self.prose.splitlines() if line.startswith("| `")]
        return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")] for line in lines]

    def keys(self) -> list[str]:
        """The names in the first column of the tables."""
        return [name for row in self.rows() for name in row[0]]


@cache
def document(name: str) -> Document:
    return Document(name, (ROOT / name).read_text(encoding="utf-8"))


def documents() -> list[Document]:
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [document(path.relative_to(ROOT).as_posix()) for path in paths]


def blocks(language: str) -> list[Block]:
    return [block for each in documents() for block in each.blocks(language)]
