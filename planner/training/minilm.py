"""`python -m planner.training.minilm` writes `data/minilm.onnx`: how all-MiniLM-L6-v2 is run on the weights that its package has.

The package's own graph makes floats of its eight-bit weights when it is loaded: 47 MB for all the words that it knows, of which a
sentence has a dozen, and 43 MB for its layers. Ours is handed the words of a sentence, which are looked up in the package's file,
and multiplies in eight bits. What it multiplies is written in two digits, a coarse and a fine one of what that left over, both in
one product; so the vectors stay what they were (cosine 0.999996; in one digit it is 0.98, and two tests of the planner heard the
head otherwise). A digit has seven bits, for which processors without VNNI have a product that does not overflow. The graph holds no
weight of any size, but where each lies in the package's file, whose hash is checked.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from planner.read.embedder import DIMENSION, GRAPH, weights

LARGE = 4096  # bytes: what is larger stays where it is
WORDS = "inner.embeddings.word_embeddings.weight"
DIGIT = 63  # of each sign; a digit and 64 are a positive number of seven bits
CONSTANTS = {
    "digit": np.float32(DIGIT), "two_digits": np.float32(2 * DIGIT), "middle": np.uint8(64), "to_middle": np.float32(64),
    "nothing": np.float32(1e-9), "halves": np.array([1, 1], dtype=np.int64),
}  # fmt: skip


def main() -> None:
    file = weights()
    model: Any = onnx.load_from_string(file)
    graph = model.graph
    nodes = _rewritten(graph)
    _hand_over_words(model, file)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items())
    for one in graph.initializer:
        _leave(one, file)
    onnx.save(model, str(GRAPH))


def _rewritten(graph: Any) -> list[Any]:
    """The nodes, with places looked up before they become floats, and layers multiplied as they lie."""
    made = {node.output[0]: node for node in graph.node}
    weight = {
        name: (made[node.input[0]].input[0], node.input[1]) for name, node in made.items() if name + "_f" in node.input
    }
    nodes: list[Any] = []
    in_digits: set[str] = set()
    for node in graph.node:
        if node.output[0] in weight or node.output[0].removesuffix("_f") in weight:
            continue
        if node.op_type == "Gather" and node.input[0] in weight:
            nodes += [] if node.input[0] == WORDS else _looked_up(node, *weight[node.input[0]])
        elif node.op_type == "MatMul" and node.input[1] in weight:
            nodes += [] if node.input[0] in in_digits else _in_digits(node.input[0])
            in_digits.add(node.input[0])
            nodes += _multiplied(node, *weight[node.input[1]])
        else:
            nodes.append(node)
    return nodes


def _looked_up(node: Any, table: str, scale: str) -> list[Any]:
    rows, scales, floats = (f"{node.output[0]}_{part}" for part in ("rows", "scales", "floats"))
    return [
        helper.make_node("Gather", [table, node.input[1]], [rows]),
        helper.make_node("Gather", [scale, node.input[1]], [scales]),
        helper.make_node("Cast", [rows], [floats], to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scales], list(node.output)),
    ]


def _in_digits(name: str) -> list[Any]:
    """A sentence's rows by their largest number: coarse digits, and below them the fine ones."""
    parts = (
        "sizes",
        "largest",
        "sure",
        "unit",
        "units",
        "coarse",
        "rest",
        "finer",
        "fine",
        "both",
        "shifted",
        "digits",
    )
    sizes, largest, sure, unit, units, coarse, rest, finer, fine, both, shifted, digits = (
        f"{name}_{one}" for one in parts
    )
    return [
        helper.make_node("Abs", [name], [sizes]),
        helper.make_node("ReduceMax", [sizes], [largest], axes=[-1], keepdims=1),
        helper.make_node("Max", [largest, "nothing"], [sure]),
        helper.make_node("Div", [sure, "digit"], [unit]),
        helper.make_node("Div", [name, unit], [units]),
        helper.make_node("Round", [units], [coarse]),
        helper.make_node("Sub", [units, coarse], [rest]),
        helper.make_node("Mul", [rest, "two_digits"], [finer]),
        helper.make_node("Round", [finer], [fine]),
        helper.make_node("Concat", [coarse, fine], [both], axis=0),
        helper.make_node("Add", [both, "to_middle"], [shifted]),
        helper.make_node("Cast", [shifted], [digits], to=TensorProto.UINT8),
    ]


def _multiplied(node: Any, weight: str, scale: str) -> list[Any]:
    parts = ("whole", "floats", "coarse", "finer", "fine", "sum", "scaled")
    whole, floats, coarse, finer, fine, added, scaled = (f"{node.output[0]}_{one}" for one in parts)
    return [
        helper.make_node("MatMulInteger", [f"{node.input[0]}_digits", weight, "middle"], [whole]),
        helper.make_node("Cast", [whole], [floats], to=TensorProto.FLOAT),
        helper.make_node("Split", [floats, "halves"], [coarse, finer], axis=0),
        helper.make_node("Div", [finer, "two_digits"], [fine]),
        helper.make_node("Add", [coarse, fine], [added]),
        helper.make_node("Mul", [added, f"{node.input[0]}_unit"], [scaled]),
        helper.make_node("Mul", [scaled, scale], list(node.output)),
    ]


def _hand_over_words(model: Any, file: bytes) -> None:
    """The graph is given the rows of a sentence's words; where all of them lie in the file is told beside it."""
    inputs, weights_ = model.graph.input, model.graph.initializer
    inputs.remove(next(one for one in inputs if one.name == "input_ids"))
    inputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", "sequence", DIMENSION]))
    words = [one for one in weights_ if one.name.startswith(WORDS)]
    helper.set_model_props(model, {one.name.removeprefix(WORDS): str(file.index(one.raw_data)) for one in words})
    for one in words:
        weights_.remove(one)


def _leave(one: Any, file: bytes) -> None:
    """A weight becomes the place where it lies in the file."""
    size = len(one.raw_data)
    if size <= LARGE:
        return
    place = file.index(one.raw_data)
    one.ClearField("raw_data")
    one.data_location = TensorProto.EXTERNAL
    for key, value in (("location", GRAPH.name), ("offset", place), ("length", size)):
        entry = one.external_data.add()
        entry.key, entry.value = key, str(value)


if __name__ == "__main__":
    main()
