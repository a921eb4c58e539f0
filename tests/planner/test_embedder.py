"""MiniLM's vectors, by our graph and by its package's own."""

from pathlib import Path

import numpy as np

from planner.read.embedder import Embedder, Session, Vectors, session, vocabulary, weights

TEXTS = [
    "hello",
    "cancel order ORD-1042 and refund her",
    "où est la commande de Zoë ?",
    " ".join(["mugs for Lyon"] * 100),
]


def test_our_graph_makes_of_a_text_what_the_packages_own_makes_of_it(tmp_path: Path) -> None:
    packages = tmp_path / "model.onnx"
    packages.write_bytes(weights())

    alike = (Embedder().encode(TEXTS) * _vectors(session(packages), TEXTS)).sum(axis=1)
    assert alike.min() > 0.99999


def _vectors(own: Session, texts: list[str]) -> Vectors:
    rows: list[Vectors] = []
    for text in texts:
        ids = np.array([vocabulary().encode(text).ids], dtype=np.int64)
        pooled = own.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0})
        whole = pooled[0][0].mean(axis=0)
        rows.append(whole / np.linalg.norm(whole))
    return np.stack(rows)
