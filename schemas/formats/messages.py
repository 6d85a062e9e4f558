"""Cuts XML into its messages; each is parsed on its own, so that a broken one costs no other.

Nothing that can be declared reaches a parser: it is given the root's start tag, one message and an
end tag, while a document type stands before the root. So no entity is ever declared, nothing
external is ever fetched and nothing expands. Memory holds one message and one chunk of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from html.entities import name2codepoint
from xml.etree.ElementTree import Element, ParseError, XMLParser

from schemas.errors import Fault, InputError
from schemas.formats.lines import Readable
from schemas.formats.source import TOO_LONG
from schemas.record import MAX_BYTES

HEAD = 1 << 16  # bytes in which the root begins
_CHUNK = 1 << 18
_HELD = 1 << 25  # bytes of a message that are held: with documents in it, which are cut out
_OUTSIDE = 1 << 16  # bytes outside of messages that are kept
_MARK = 128  # bytes that a mark may have: longer names are none of ours

_BOM = b"\xef\xbb\xbf"
_NAME = rb"[A-Za-z_][A-Za-z0-9_.-]{0,60}"
_START = re.compile(
    rb"<((?:%s:)?(%s))(?:\s+[^\s=<>]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*(/?)>" % (_NAME, _NAME)
)
_DOCTYPE = re.compile(rb"<!DOCTYPE(?:[^\"'\[>]|\"[^\"]*\"|'[^']*')*([\[>])", re.IGNORECASE)
_ENCODING = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']([^\"']*)[\"']")
_ONE_BYTE = re.compile(
    rb"utf-?8|us-ascii|ascii|iso-?8859-?\d+|latin-?1|(windows-|cp)125\d", re.IGNORECASE
)
_HIDDEN = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_DECLARED = re.compile(r"<\?xml.*?\?>", re.DOTALL)
_CONTROL = dict.fromkeys(c for c in range(32) if chr(c) not in "\t\r\n")
_NO_END = Fault("malformed_xml", "", "the message has no end")
_PREDEFINED = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_EMBEDDED = re.compile(
    rb"<(?:%s:)?text\s[^<>]{0,500}?\brepresentation\s*=\s*[\"']B64[\"'][^<>/]{0,500}>" % _NAME
)
_TEXT_END = re.compile(rb"</(?:%s:)?text\s*>" % _NAME)


@dataclass(frozen=True, slots=True)
class Root:
    """The first element of a document.

    `tag` is its start tag as it stands, `name` the local name, `declared` the XML declaration where
    it names an encoding, `end` where the start tag ends; `document_type` whether there is one.
    """

    name: str
    tag: bytes
    declared: bytes
    end: int
    document_type: bool


def root_of(head: bytes, *, document_type: bool) -> Root:
    """The root that the first bytes of a document begin with.

    `document_type`: whether one may stand before it; one that declares anything itself may not.
    `InputError` ("malformed_xml", "dtd_forbidden", "wrong_encoding").
    """
    at, declared, typed = len(head) - len(head.removeprefix(_BOM).lstrip()), b"", False
    while True:
        rest = head[at : at + 9].upper()
        hidden = next((mark for mark in (b"<!--", b"<?") if rest.startswith(mark)), None)
        if hidden:
            end = head.find(_HIDDEN[hidden], at)
            if end < 0:
                break
            end += len(_HIDDEN[hidden])
            if match := _ENCODING.match(head, at, end):
                declared = match[0] + b"?>"
                if not _ONE_BYTE.fullmatch(match[1].strip()):
                    raise InputError(
                        "wrong_encoding", "the encoding declared is not read; send UTF-8"
                    )
        elif match := _DOCTYPE.match(head, at):
            typed = True
            if match[1] == b"[" or not document_type:
                raise InputError("dtd_forbidden", "a document type declaration is not read")
            end = match.end()
        elif match := _START.match(head, at):
            return Root(match[2].decode(), match[0], declared, match.end(), typed)
        else:
            break
        at = end
        at += len(head[at:]) - len(head[at:].lstrip())
    raise InputError("malformed_xml", f"no root element within {len(head)} bytes")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its place from 1, its local name, and a document of it alone under the root.

    `fault` where it has no end or is too long.
    """

    number: int
    name: str
    raw: bytes
    fault: Fault | None = None


class Messages:
    """The messages of a document, one by one; `outside` is then all else, as a document.

    `names` is a pattern of their local names. Raises what `root_of` does, at once.
    """

    def __init__(self, file: Readable, names: str, *, document_type: bool = False) -> None:
        self._file = file
        self._buffer = b""
        self._over = False
        while len(self._buffer) < HEAD and not self._over:
            self._more(0)
        self.root = root_of(self._buffer, document_type=document_type)
        self._head = self.root.declared + self.root.tag
        self._tail = b"</" + self.root.tag[1:].split()[0].rstrip(b"/>") + b">"
        self._marks = re.compile(
            rb"<(?:(!--|!\[CDATA\[|\?)|(/?)(?:%s:)?(%s)(?=[\s/>]))" % (_NAME, names.encode())
        )
        self._outside = bytearray(self._head)
        self._count = 0
        self._between = False

    def check_end(self) -> None:
        """Raise `InputError` ("malformed_xml") where what is outside of the messages is no XML, as
        where its end is missing; all of them must have been read."""
        parse_outside(self)

    @property
    def outside(self) -> bytes:
        """The document without its messages; cut short where it is very long."""
        return bytes(self._outside)

    def __iter__(self) -> Iterator[Message]:
        at, begun, lost = self.root.end, -1, False
        name = b""
        while True:
            mark = self._marks.search(self._buffer, at)
            end = self._end_of(mark) if mark else -1
            if mark is None or end < 0:
                # nothing more of which the end is here; a mark may be cut in two
                stop = mark.start() if mark else max(at, len(self._buffer) - _MARK)
                if begun >= 0 and len(self._buffer) - begun > _HELD:
                    yield self._message(name, begun, len(self._buffer), TOO_LONG)
                    begun, lost = -1, True
                if begun < 0 and not lost:
                    self._keep(at, stop)
                if self._over:
                    at = stop
                    break
                kept = begun if begun >= 0 else stop
                self._more(kept)
                at, begun = stop - kept, min(begun, 0)
                continue
            if begun < 0 and not lost:
                self._keep(at, mark.start())
            at = end
            if mark[2]:
                if begun >= 0:
                    yield self._message(name, begun, end)
                elif not lost:
                    self._keep(mark.start(), end)
                begun, lost = -1, False
            elif not mark[1]:
                if begun >= 0:
                    yield self._message(name, begun, mark.start(), _NO_END)
                begun, lost, name = mark.start(), False, mark[3]
                if self._buffer[end - 2 : end - 1] == b"/":
                    yield self._message(name, begun, end)
                    begun = -1
        if begun >= 0:
            yield self._message(name, begun, len(self._buffer), _NO_END)
        elif not lost:
            self._keep(at, len(self._buffer))

    def _end_of(self, mark: re.Match[bytes]) -> int:
        """Where the comment or tag that begins with a mark ends; -1 where more must be read."""
        term = _HIDDEN[b"<" + mark[1]] if mark[1] else b">"
        found = self._buffer.find(term, mark.end())
        if found >= 0:
            return found + len(term)
        # one that never ends hides nothing
        endless = self._over or len(self._buffer) - mark.start() > _HELD
        return mark.end() if endless else -1

    def _more(self, kept: int) -> None:
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - kept))
        self._buffer = self._buffer[kept:] + chunk
        self._over = not chunk

    def _keep(self, start: int, end: int) -> None:
        if self._between:
            # white space between messages says nothing, and of 100,000 it is more than is kept
            start = end - len(self._buffer[start:end].lstrip())
            self._between = start == end
        room = max(0, _OUTSIDE - len(self._outside))
        self._outside += self._buffer[start : min(end, start + room)]

    def _message(self, name: bytes, start: int, end: int, fault: Fault | None = None) -> Message:
        self._count += 1
        self._between = True
        part = self._buffer[start : min(end, start + MAX_BYTES) if fault else end]
        return Message(self._count, name.decode(), self._head + part + self._tail, fault)


def parse_outside(messages: Messages) -> Element:
    """What a document is without its messages, all of which have been read."""
    found = _parsed(messages.outside, alone=False)
    if isinstance(found, Fault):
        raise InputError("malformed_xml", "it breaks off, or is no XML outside of its messages")
    return found


def without_documents(raw: bytes, unknown: Counter[str]) -> bytes:
    """A message without the documents embedded in it, each replaced by its size and hash."""

    parts, at = [], 0
    for begin in _EMBEDDED.finditer(raw):
        if begin.start() < at:
            continue
        end = _TEXT_END.search(raw, begin.end())
        if end is None:
            break
        held = raw[begin.end() : end.start()]
        note = f"<!-- {len(held)} bytes, SHA-256 {sha256(held).hexdigest()} -->"
        parts += [raw[at : begin.end()], note.encode()]
        at = end.start()
        unknown["embedded document: not kept, the message is over 1 MiB"] += 1
    return b"".join([*parts, raw[at:]])


def parse(raw: bytes, unknown: Counter[str], *, entities: bool = False) -> Element | Fault:
    """The one message under the root of `raw`, or why there is none.

    Bytes that are no UTF-8 are read as windows-1252, and counted. `entities`: whether characters
    may be named as in HTML, as a document type for SGML would have declared them.
    """
    found = _parsed(raw)
    if isinstance(found, Fault) and (entities or not raw.isascii()):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            unknown["encoding: read as windows-1252"] += 1
            text = raw.decode("cp1252", errors="replace")
        mended = _DECLARED.sub("", text.translate(_CONTROL)).encode()
        found = _parsed(_ENTITY.sub(_character, mended) if entities else mended)
    return found


def _parsed(raw: bytes, *, alone: bool = True) -> Element | Fault:
    parser = XMLParser()
    try:
        parser.feed(raw)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        # the parser's own message names a place in a document that the sender does not have
        reason = str(error).partition(":")[0]
        return Fault("malformed_xml", "", f"the message is no XML: {reason}")
    if not alone:
        return root
    if len(root) != 1:
        return Fault("malformed_xml", "", "the message is no XML: not one element")
    return root[0]


def _character(match: re.Match[bytes]) -> bytes:
    code = name2codepoint.get(match[1].decode())
    return match[0] if code is None or match[1] in _PREDEFINED else b"&#%d;" % code
