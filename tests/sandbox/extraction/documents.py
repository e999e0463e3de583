"""Documents that tests make: the smallest of each format, and hostile ones."""

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from email.message import EmailMessage

_OPEN = "http://schemas.openxmlformats.org"
_RELATIONS = f"{_OPEN}/officeDocument/2006/relationships"
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_TYPES = (
    f'{_XML}<Types xmlns="{_OPEN}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_W = f'xmlns:w="{_OPEN}/wordprocessingml/2006/main"'


def archive(members: dict[str, str], stored: str = "") -> bytes:
    """A ZIP archive of these members; `stored` is not compressed, as a format's first member must be."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in members.items():
            zipped.writestr(name, text, zipfile.ZIP_STORED if name == stored else None)
    return file.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    each = (
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_OPEN}/package/2006/relationships">{"".join(each)}</Relationships>'


def pdf(pages: Sequence[str], trailer: str = "") -> bytes:
    """A pdf with a page for each text, in a font that it does not bring, as Chinese ones have."""
    kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[4 0 R]>>",
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/FontDescriptor 5 0 R/DW 1000"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>>>",
        "<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0"
        "/Ascent 800/Descent -200/CapHeight 700/StemV 80>>",
    ]
    for number, text in enumerate(pages):
        shown = f"BT /F 8 Tf 20 720 Td <{text.encode('utf-16-be').hex()}> Tj ET"
        objects += [
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 800 842]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {7 + 2 * number} 0 R>>",
            f"<</Length {len(shown)}>>stream\n{shown}\nendstream",
        ]
    return _join_objects(objects, trailer)


def _join_objects(objects: Sequence[str], trailer: str) -> bytes:
    parts, places, length = ["%PDF-1.4\n"], list[int](), 9
    for number, each in enumerate(objects, 1):
        places.append(length)
        parts.append(f"{number} 0 obj{each} endobj\n")
        length += len(parts[-1])
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    parts.append(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}")
    parts.append(
        f"trailer<</Size {len(objects) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{length}\n%%EOF"
    )
    return "".join(parts).encode("latin-1")


def encrypted_pdf() -> bytes:
    """A pdf that asks for a password."""
    keys = f"/Filter/Standard/V 1/R 2/O<{'ab' * 32}>/U<{'cd' * 32}>/P -4"
    return pdf(["secret"], f"/Encrypt<<{keys}>>/ID[<00><00>]")


def endless_pdf() -> bytes:
    """A pdf whose tree of pages is its own child."""
    pages = "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2000000000>>"
    return _join_objects(["<</Type/Catalog/Pages 2 0 R>>", pages], "")


def packed_pdf(repeats: int) -> bytes:
    """A small pdf with a page that unpacks to 16 bytes for each of `repeats`."""
    stream = zlib.compress(b"BT /F 12 Tf " + b"(aaaaaaaaaa) Tj " * repeats + b"ET", 9)
    head = _join_objects(
        [
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>",
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ],
        "",
    ).partition(b"xref\n")[0]
    packed = f"5 0 obj<</Filter/FlateDecode/Length {len(stream)}>>stream\n".encode()
    return head + packed + stream + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"


def docx(paragraphs: Sequence[str], declaration: str = "") -> bytes:
    """A docx; `declaration` goes before its document."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return archive(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _relations(("officeDocument", "word/document.xml")),
            "word/document.xml": f"{_XML}{declaration}<w:document {_W}><w:body>{body}</w:body></w:document>",
        }
    )


def pptx(slides: Sequence[str]) -> bytes:
    """A pptx with a slide for each text."""
    names = [f"slides/slide{number}.xml" for number in range(1, len(slides) + 1)]
    spaces = (
        f'xmlns:p="{_OPEN}/presentationml/2006/main" xmlns:a="{_OPEN}/drawingml/2006/main" '
        f'xmlns:r="{_RELATIONS}"'
    )
    listed = "".join(f'<p:sldId id="{256 + n}" r:id="rId{n + 1}"/>' for n in range(len(slides)))
    members = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"{_XML}<p:presentation {spaces}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": _relations(*(("slide", name) for name in names)),
    }
    for name, text in zip(names, slides, strict=True):
        members[f"ppt/{name}"] = (
            f'{_XML}<p:sld {spaces}><p:cSld><p:spTree><p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr/>'
            "<p:nvPr/></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r>"
            f"<a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
        )
    return archive(members)


def xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """An xlsx of one sheet."""
    main = f"{_OPEN}/spreadsheetml/2006/main"
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    return archive(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'{_XML}<workbook xmlns="{main}" xmlns:r="{_RELATIONS}"><sheets>'
            '<sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations(("worksheet", "worksheets/sheet1.xml")),
            "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        }
    )


def odt(paragraphs: Sequence[str]) -> bytes:
    """An odt."""
    mime, names = "application/vnd.oasis.opendocument.text", "urn:oasis:names:tc:opendocument:xmlns"
    body = "".join(f"<text:p>{text}</text:p>" for text in paragraphs)
    return archive(
        {
            "mimetype": mime,
            "META-INF/manifest.xml": f'{_XML}<m:manifest xmlns:m="{names}:manifest:1.0">'
            f'<m:file-entry m:full-path="/" m:media-type="{mime}"/></m:manifest>',
            "content.xml": f'{_XML}<o:document-content xmlns:o="{names}:office:1.0" xmlns:text="{names}:text:1.0">'
            f"<o:body><o:text>{body}</o:text></o:body></o:document-content>",
        },
        stored="mimetype",
    )


def epub(paragraphs: Sequence[str]) -> bytes:
    """An epub of one chapter."""
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f'{_XML}<container version="1.0" '
            'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
            "c.opf": f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>t</dc:title></metadata><manifest>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
            "a.xhtml": f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head>'
            f"<body>{body}</body></html>",
        },
        stored="mimetype",
    )


def eml(
    text: str, charset: str = "utf-8", transfer: str = "base64", subtype: str = "plain"
) -> bytes:
    """A mail."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "someone@example.com", text.splitlines()[0]
    mail.set_content(text, charset=charset, cte=transfer, subtype=subtype)
    return mail.as_bytes()


def rtf(text: str) -> bytes:
    """An rtf, with what is not ASCII as its escapes."""
    escape: Callable[[str], str] = lambda one: one if one.isascii() else f"\\u{ord(one)}?"  # noqa: E731
    return (
        "{\\rtf1\\ansi\\uc1 " + "".join(map(escape, text)).replace("\n", "\\par ") + "}"
    ).encode()
