"""Input codes: made from a run's own sentences, kept under the digest of their content."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from rosearch_engine.atomic import new_file
from rosearch_engine.codes.canonical import WORD, Canonical
from rosearch_engine.codes.clusters import require_wordnet, synonym_heads, word_counts
from rosearch_engine.codes.tokenizer import wrap
from rosearch_engine.config import TIES, CodeName
from rosearch_engine.data import Split
from rosearch_engine.errors import UserError
from rosearch_engine.paths import code_path
from rosearch_engine.weights.reading import borrow_code, lend_code

# Words that a misspelt one may become; the index of as many takes some 50 MB in every process.
_MOST_WORDS = 80_000


@dataclass(frozen=True)
class Code:
    """How a student's words are read before its tokenizer.

    Attributes:
        canonical: the rule; None where texts are read as they are.
        digest: 16 hexadecimal digits of the content.
    """

    name: CodeName
    canonical: Canonical | None = field(repr=False, compare=False)
    digest: str

    def read(self, text: str) -> str:
        """The text as the tokenizer is given it."""
        return text if self.canonical is None else self.canonical(text)

    def wrap(self, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
        """A tokenizer that does both, and can be saved with a checkpoint."""
        return tokenizer if self.canonical is None else wrap(tokenizer, self.canonical)


def _code(name: CodeName, canonical: Canonical | None) -> Code:
    return Code(name, canonical, hashlib.sha256(_content(name, canonical)).hexdigest()[:16])


def _content(name: CodeName, canonical: Canonical | None) -> bytes:
    rule = None if canonical is None else canonical.to_dict()
    return json.dumps({"name": name, "rule": rule}, sort_keys=True).encode()


PLAIN = _code("plain", None)


def make_code(
    name: CodeName,
    split: Split,
    tokenizer: PreTrainedTokenizerBase | None = None,
    known: Iterable[str] = (),
    ties: bool = True,
    joined: Iterable[str] = (),
) -> Code:
    """The code of that name for a split's sentences, kept for `read_code`. Equal sentences give equal codes.

    Args:
        tokenizer: its whole words are known words too, after those of the sentences.
        known: more known words, after those: no misspelt word, and last among what one may be corrected to.
        ties: tie synonyms before the tokenizer; off where the students' graphs do it (`heads_of`).
        joined: words with a hyphen or apostrophe that are to be one word to the tokenizer too.

    Raises:
        UserError: if WordNet is needed and missing, or the place for weights cannot be written to.
    """
    joins = _joins(joined)
    if name == "plain" and not joins:
        return PLAIN
    texts = [*split.texts, *(split.pairs or ())]
    counts = word_counts(texts)
    heads: dict[str, str] = {}
    if name in TIES and ties:
        require_wordnet("space.codes")
        heads = synonym_heads(counts)
    joins = {word: one for word, one in joins.items() if one not in heads}
    heads = joins | {word: joins.get(head, head) for word, head in heads.items()}
    lexicon = _lexicon(counts, tokenizer, known) if name in ("characters", "both") else []
    code = _code(name, Canonical(heads, lexicon))
    _keep(code)
    return code


def _joins(words: Iterable[str]) -> dict[str, str]:
    """Words without their hyphens and apostrophes, at which a tokenizer would part them; in lower case."""
    small = [word.lower() for word in words if WORD.fullmatch(word) and "’" not in word]
    joins = {word: word.replace("-", "").replace("'", "") for word in small}
    return {word: one for word, one in joins.items() if one != word and one not in joins}


def read_code(digest: str) -> Code:
    """A code that `make_code` kept.

    Raises:
        UserError: if it is not there, or damaged.
    """
    path = code_path(digest)
    try:
        borrow_code(digest)
        content = gzip.decompress(path.read_bytes())
        if hashlib.sha256(content).hexdigest()[:16] != digest:
            raise ValueError("its content has changed")
        found = json.loads(content)
        return Code(found["name"], Canonical.from_dict(found["rule"]), digest)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            "code", f"the input code {path} cannot be read ({reason}).", "`resume` the run to recreate it."
        ) from None


def heads_of(split: Split) -> dict[str, str]:
    """The head of every word of a split's sentences, and of their synonyms, that has another word as head.

    Raises:
        UserError: if WordNet is missing.
    """
    require_wordnet("space.codes")
    return synonym_heads(word_counts([*split.texts, *(split.pairs or ())]))


def _lexicon(counts: Counter[str], tokenizer: PreTrainedTokenizerBase | None, known: Iterable[str]) -> list[str]:
    seen = sorted(counts, key=lambda word: (-counts[word], word))
    more = (word for word in (text.lower() for text in known) if WORD.fullmatch(word) and "’" not in word)
    return list(dict.fromkeys([*seen, *(whole_words(tokenizer) if tokenizer else ()), *more]))[:_MOST_WORDS]


def whole_words(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Words of three letters or more that are one piece of the vocabulary, in lower case, in its order."""
    pieces = tokenizer.get_vocab()
    # Byte-level BPE and SentencePiece mark the pieces that begin a word; WordPiece marks the others, by "##".
    mark = next((mark for mark in ("Ġ", "▁") if any(len(p) > 1 and p.startswith(mark) for p in pieces)), "")
    begins = sorted((piece for piece in pieces if piece.startswith(mark)), key=lambda piece: pieces[piece])
    texts = (tokenizer.convert_tokens_to_string([piece]).strip().lower() for piece in begins)
    return list(dict.fromkeys(text for text in texts if len(text) > 2 and text.isalpha() and WORD.fullmatch(text)))


def _keep(code: Code) -> None:
    with new_file(code_path(code.digest)) as draft:
        draft.write_bytes(gzip.compress(_content(code.name, code.canonical), mtime=0))
    lend_code(code.digest)
