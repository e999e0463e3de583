"""Documents of any format are attached with the official SDK, read and found; hostile ones fail with a reason."""

import pytest
from openai import OpenAI

from tests.sandbox.extraction import documents

pytestmark = pytest.mark.every_backend

EN = "A parcel that weighs twelve kilograms costs nineteen francs."
ZH = "十二公斤的包裹需要十九法郎运费。"
DOCUMENTS = {
    "parcels.pdf": documents.pdf([EN, ZH]),
    "parcels.docx": documents.docx([EN, ZH]),
    "包裹.pptx": documents.pptx([EN, ZH]),
    "a】.html": f"<h1>{EN}</h1><p>{ZH}</p>".encode(),
    "parcels.eml": documents.eml(f"{EN}\n{ZH}", "gb18030"),
    "parcels.txt": f"{EN}\n{ZH}".encode("gb18030"),
}
HOSTILE = {
    "locked.pdf": (documents.encrypted_pdf(), "invalid_file", "it is encrypted"),
    "torn.docx": (documents.docx([EN])[:500], "invalid_file", "could not be parsed."),
    "endless.pdf": (documents.endless_pdf(), "invalid_file", "could not be parsed."),
    "scan.pdf": (documents.pdf([""]), "invalid_file", "it has no text"),
    "bomb.docx": (documents.docx(["a" * 110_000_000]), "invalid_file", "it is too large"),
    "noise.bin": (bytes(range(256)) * 9, "unsupported_file", "not supported"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_read_and_found_in_both_scripts(client: OpenAI, name: str) -> None:
    store = client.vector_stores.create()
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=(name, DOCUMENTS[name]), poll_interval_ms=100
    )
    assert attached.status == "completed", attached.last_error
    for query in ("How much is a heavy parcel?", "包裹的运费是多少"):
        (found,) = client.vector_stores.search(store.id, query=query).data
        assert found.filename == name
        assert EN in found.content[0].text
        assert ZH in found.content[0].text
    content = client.vector_stores.files.content(attached.id, vector_store_id=store.id)
    assert EN in "".join(part.text or "" for part in content)


def test_hostile_documents_fail_with_a_reason_beside_others(client: OpenAI) -> None:
    store = client.vector_stores.create()
    good = ("good.pdf", DOCUMENTS["parcels.pdf"])
    files = [*((name, content) for name, (content, _, _) in HOSTILE.items()), good]
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=files, poll_interval_ms=100
    )
    assert (batch.file_counts.completed, batch.file_counts.failed) == (1, len(HOSTILE))
    for each in client.vector_stores.files.list(store.id, filter="failed"):
        _, code, reason = HOSTILE[client.files.retrieve(each.id).filename]
        assert each.last_error is not None
        assert each.last_error.code == code
        assert reason in each.last_error.message
    (found,) = client.vector_stores.search(store.id, query="parcel").data
    assert found.filename == "good.pdf"
