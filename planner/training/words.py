"""Which of E5's 250,000 pieces of words the reader keeps: those that English, French and German are written with.

These are the ones that our texts need, the ones that most words of the three languages need by how often they are written
(wordfreq, https://doi.org/10.5281/zenodo.7199437), and each letter, figure and mark alone, so that nothing is unknown that is typed
here. All is small letters. In 20,000 pieces are 99.7 % of all that is written; 39,000 would be all.
"""

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgpack
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from planner.training.e5 import SPECIAL, Pretrained

LANGUAGES = ("en", "fr", "de")
FREQUENT = 20_000
SPACE = "▁"  # what a piece begins with that begins a word
LATIN, MARKS = 0x180, "€–—…’‘“”„«»•‰"  # up to here letters of the languages of Europe


def tokenizer(pieces: Sequence[str], scores: Sequence[float]) -> Any:
    """A text in small letters, cut into the likeliest pieces, between `<s>` and `</s>`."""
    vocabulary = [(piece, round(float(score), 3)) for piece, score in zip(pieces, scores, strict=True)]
    made: Any = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    blank = normalizers.Replace(Regex(r"\s+"), " ")
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), blank, normalizers.Strip()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    ends = [(sign, SPECIAL.index(sign)) for sign in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return made


def kept(pretrained: Pretrained, texts: Sequence[str]) -> list[int]:
    """The places of the pieces that are kept, in the order of E5's vocabulary; the first four are `SPECIAL`."""
    whole = tokenizer(pretrained.pieces, pretrained.scores.tolist())
    ours = {piece for text in whole.encode_batch(list(texts), add_special_tokens=False) for piece in text.ids}
    single = {place for place, piece in enumerate(pretrained.pieces) if _typed(piece.removeprefix(SPACE))}
    often: Counter[int] = Counter()
    for language in LANGUAGES:
        words, shares = zip(*_written(language), strict=True)
        for word, share in zip(whole.encode_batch(list(words), add_special_tokens=False), shares, strict=True):
            for piece in word.ids:
                often[piece] += share
    frequent = {piece for piece, _ in sorted(often.items(), key=lambda one: (-one[1], one[0]))[:FREQUENT]}
    return sorted({*range(len(SPECIAL)), *ours, *single, *frequent})


def _typed(sign: str) -> bool:
    return len(sign) == 1 and (ord(sign) < LATIN or sign in MARKS)


def _written(language: str) -> Iterator[tuple[str, float]]:
    """The words of a language, each with its share in what is written: its list has them by hundredths of a power of ten."""
    found = find_spec("wordfreq")
    if found is None or found.origin is None:
        raise FileNotFoundError("wordfreq's lists are missing: `make planner` installs what training needs.")
    packed = (Path(found.origin).parent / f"data/large_{language}.msgpack.gz").read_bytes()
    _, *steps = msgpack.unpackb(gzip.decompress(packed), raw=False)
    for step, words in enumerate(steps):
        yield from ((word, 10 ** (-step / 100)) for word in words)
