"""Input codes: rules that rewrite a text's words into canonical ones before the tokenizer.

They cost no weights, are fixed by the run's own sentences, and travel with an exported checkpoint.
"""

from rosearch_engine.codes.build import PLAIN, Code, heads_of, make_code, read_code
from rosearch_engine.codes.clusters import require_wordnet, synonyms
from rosearch_engine.codes.vocabulary import keep_tokenizer, of_words, read_tokenizer, trimmed

__all__ = [
    "PLAIN",
    "Code",
    "heads_of",
    "keep_tokenizer",
    "make_code",
    "of_words",
    "read_code",
    "read_tokenizer",
    "require_wordnet",
    "synonyms",
    "trimmed",
]
