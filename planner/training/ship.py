"""The trained encoder as one ONNX file of eight-bit weights, for a runtime that needs nothing of what it was trained with."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from planner.training.encoder import HEADS, LAYERS, SCALE, WIDTH
from planner.training.fit import Student

LONGEST = 128  # tokens, of which the encoder knows the places


def ship(student: Student, folder: Path, *, temperature: float, corpus: str) -> None:
    """Write `reader.onnx` and `reader.json`; each appears whole or not at all."""
    with tempfile.TemporaryDirectory() as scratch:
        exact, small = Path(scratch) / "exact.onnx", Path(scratch) / "small.onnx"
        onnx.save(_Graph(student).model(), exact)
        quantize_dynamic(exact, small, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gather"])
        _replace(folder / "reader.onnx", small.read_bytes())
    told = {
        "operations": list(student.operations),
        "beside": list(student.beside),
        "kinds": list(student.kinds),
        "temperature": temperature,
        "corpus": corpus,
    }
    _replace(folder / "reader.json", (json.dumps(told, indent=1) + "\n").encode())


def _replace(file: Path, content: bytes) -> None:
    draft = file.with_suffix(".tmp")
    draft.write_bytes(content)
    draft.replace(file)


class _Graph:
    """The encoder's operations, one after the other: one text of any length in, scores and tags out."""

    def __init__(self, student: Student) -> None:
        self.weights = {name: np.array(value) for name, value in {**student.still, **student.tuned}.items()}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        states = self._embedded()
        for layer in range(LAYERS):
            states = self._layer(f"encoder.layer.{layer}.", states)
        self.op("Identity", [self._asked(states)], name="operations")
        tags = self.op("MatMul", [states, self.constant("tag.w")])
        self.op(
            "Identity",
            [self.op("Squeeze", [self.op("Add", [tags, self.constant("tag.b")]), self.ints([0])])],
            name="tags",
        )

    def model(self) -> Any:
        scores = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
                  (("operations", [1, None]), ("tags", [None, None]))]  # fmt: skip
        given = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in
                 (("ids", [1, "tokens"]), ("known", ["things"]))]  # fmt: skip
        graph = helper.make_graph(self.nodes, "reader", given, scores, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def op(self, kind: str, inputs: list[str], *, name: str = "", **options: Any) -> str:
        name = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def constant(self, name: str, *, turned: bool = False) -> str:
        value = self.weights[name].T if turned else self.weights[name]
        return self._keep(np.ascontiguousarray(value, np.float32), name)

    def ints(self, values: list[int]) -> str:
        return self._keep(np.array(values, np.int64), f"ints_{len(self.constants)}")

    def number(self, value: float) -> str:
        return self._keep(np.array(value, np.float32), f"number_{len(self.constants)}")

    def _keep(self, value: NDArray[Any], name: str) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _embedded(self) -> str:
        words = self.op("Gather", [self.constant("embeddings.word_embeddings.weight"), "ids"])
        self.weights["embeddings.position_embeddings.weight"] = self.weights["embeddings.position_embeddings.weight"][
            :LONGEST
        ]
        length = self.op("Slice", [self.op("Shape", ["ids"]), self.ints([1]), self.ints([2])])
        places = self.constant("embeddings.position_embeddings.weight")
        placed = self.op("Add", [words, self.op("Slice", [places, self.ints([0]), length, self.ints([0])])])
        self.weights["one kind"] = self.weights["embeddings.token_type_embeddings.weight"][0]
        whole = self.op("Add", [placed, self.constant("one kind")])
        return self._normed(self._beside(whole), "embeddings.LayerNorm")

    def _beside(self, whole: str) -> str:
        """With what is known beside the text added to its first token."""
        known = self.op(
            "ReduceSum", [self.op("Gather", [self.constant("beside"), "known"]), self.ints([0])], keepdims=1
        )
        first, rest = (self.op("Slice", [whole, self.ints(cut[:1]), self.ints(cut[1:]), self.ints([1])])
                       for cut in ([0, 1], [1, LONGEST]))  # fmt: skip
        return self.op("Concat", [self.op("Add", [first, known]), rest], axis=1)

    def _layer(self, name: str, states: str) -> str:
        query, value = (self._heads(name, part, states, [0, 2, 1, 3]) for part in ("query", "value"))
        keys = self._heads(name, "key", states, [0, 2, 3, 1])
        likeness = self.op("Mul", [self.op("MatMul", [query, keys]), self.number(1 / np.sqrt(WIDTH // HEADS))])
        seen = self.op("MatMul", [self.op("Softmax", [likeness], axis=-1), value])
        flat = self.op("Reshape", [self.op("Transpose", [seen], perm=[0, 2, 1, 3]), self.ints([0, -1, WIDTH])])
        attended = self.op("Add", [states, self._linear(flat, f"{name}attention.output.dense")])
        states = self._normed(attended, f"{name}attention.output.LayerNorm")
        wide = self._gelu(self._linear(states, f"{name}intermediate.dense"))
        return self._normed(
            self.op("Add", [states, self._linear(wide, f"{name}output.dense")]), f"{name}output.LayerNorm"
        )

    def _heads(self, name: str, part: str, states: str, order: list[int]) -> str:
        whole = self._linear(states, f"{name}attention.self.{part}")
        return self.op(
            "Transpose", [self.op("Reshape", [whole, self.ints([0, -1, HEADS, WIDTH // HEADS])])], perm=order
        )

    def _linear(self, values: str, name: str) -> str:
        product = self.op("MatMul", [values, self.constant(f"{name}.weight", turned=True)])
        return self.op("Add", [product, self.constant(f"{name}.bias")])

    def _normed(self, values: str, name: str) -> str:
        scale, shift = self.constant(f"{name}.weight"), self.constant(f"{name}.bias")
        return self.op("LayerNormalization", [values, scale, shift], axis=-1, epsilon=1e-12)

    def _gelu(self, values: str) -> str:
        bent = self.op("Erf", [self.op("Mul", [values, self.number(float(np.sqrt(0.5)))])])
        return self.op("Mul", [self.op("Mul", [values, self.number(0.5)]), self.op("Add", [bent, self.number(1.0)])])

    def _asked(self, states: str) -> str:
        pooled = self.op("ReduceMean", [states], axes=[1], keepdims=0)
        meaning = self.op("Mul", [self.op("LpNormalization", [pooled], axis=-1, p=2), self.number(SCALE)])
        return self.op("Add", [self.op("MatMul", [meaning, self.constant("head.w")]), self.constant("head.b")])
