"""Names of pictures: as people read them, and as parts of the names of files."""

import os
import re
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path

LONGEST = 80  # characters of a name that is shown
LONGEST_PART = 40  # characters of a name in the name of a file
LONGEST_STEM = 150  # bytes of the name of a file, without its extension
JOINERS = "\u200c\u200d"  # formatting characters that belong to words of some languages
NAMELESS = "picture"


def shown(name: str) -> str:
    """The name of a file as people read it: without directories, extension and characters that are no text."""
    stem, extension = os.path.splitext(name.replace("\\", "/").rpartition("/")[2])
    if not re.fullmatch(r"\.(?=.*[A-Za-z])[A-Za-z0-9]{1,5}", extension):  # the end of a name such as "St. Ives"
        stem += extension
    kept = (each for each in unicodedata.normalize("NFC", stem) if each in JOINERS or _is_text(each))
    return " ".join("".join(kept).split())[:LONGEST].strip() or NAMELESS


def _is_text(character):
    """Whether a character is neither a control character, nor one that changes the direction, nor unassigned."""
    return character.isspace() or unicodedata.category(character)[0] != "C"


def for_file(name: str, *, unicode: bool = True) -> str:
    """A name reduced to letters, digits and underscores, of any language or of ASCII only, joined by hyphens."""
    if not unicode:
        name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = (each if each == "_" or unicodedata.category(each)[0] in "LMN" else "-" for each in name)
    return re.sub("-+", "-", "".join(kept)).strip("-")[:LONGEST_PART].strip("-") or NAMELESS


def stem(number: str, names: list[str], *, unicode: bool = True) -> str:
    """The name, without extension, of the files of a picture. names: of the content and of the styles."""
    text = "-".join([number, *(for_file(name, unicode=unicode) for name in names)])[:LONGEST]
    return text.encode()[:LONGEST_STEM].decode(errors="ignore").rstrip("-")


def allows_unicode(folder: Path) -> bool:
    """Whether names of files in a folder can have letters of any language."""
    with suppress(OSError, UnicodeError), tempfile.NamedTemporaryFile(prefix="\u00e4\u5b57", dir=folder):
        return True
    return False
