"""The settings by names and units that people know. The key, as `--set` takes it, stands in each one's help."""

from __future__ import annotations

LABELS: dict[str, str] = {
    "data.name": "Data set",
    "data.text": "Sentence column",
    "data.pair": "Second sentence's column",
    "data.label": "Class column",
    "data.limit": "Rows to use (at most)",
    "data.validation": "Validation sentences",
    "data.search_attack": "Sentences the search may attack",
    "data.held_out": "Held-out sentences",
    "data.min_words": "Shortest attacked sentence (words)",
    "data.seed": "Seed of the split",
    "teacher.name": "Teacher model",
    "teacher.epochs": "Fine-tuning (epochs)",
    "teacher.learning_rate": "Fine-tuning learning rate",
    "teacher.max_length": "Longest input (word pieces)",
    "teacher.seed": "Seed of fine-tuning",
    "space.max_nodes": "Operations per student (at most)",
    "space.max_inputs": "Inputs per operation (at most)",
    "space.operations": "Operations",
    "space.merges": "How inputs are merged",
    "space.poolings": "How tokens are pooled",
    "space.activations": "Activations",
    "space.widths": "Hidden width (× teacher's)",
    "space.heads": "Attention heads (× teacher's)",
    "space.feed_forwards": "Feed-forward width (× teacher's)",
    "space.ranks": "Embedding rank (dimensions)",
    "space.vocabulary": "Vocabulary",
    "space.ledger_bound": "Ledger bound B (logits)",
    "space.codes": "Input codes",
    "distil.epochs": "Distillation (epochs)",
    "distil.learning_rate": "Distillation learning rate",
    "distil.tokens": "Batch size (word pieces)",
    "distil.temperature": "Softmax temperature T",
    "distil.hard_weight": "Weight of the true labels",
    "distil.hidden_weight": "Weight of hidden states",
    "distil.relation_weight": "Weight of sentence similarities",
    "distil.inherit": "Start from the teacher's weights",
    "distil.adversary": "Adversarial training",
    "distil.lexicons": "Swaps defended against",
    "distil.kappa": "Weight of adversarial copies κ",
    "distil.kappa_ramp": "Ramp-up of κ (share of steps)",
    "distil.adversary_share": "Words the adversary may swap (share)",
    "distil.unknown_share": "Words made unknown (share)",
    "distil.extra": "Extra unlabelled data set",
    "distil.extra_limit": "Extra sentences (at most)",
    "distil.copies": "Augmented copies per sentence",
    "distil.swapped": "Swapped words per copy (share, at most)",
    "attack.recipe": "Attack",
    "attack.sentences": "Attacked sentences per student",
    "attack.query_budget": "Queries per sentence (at most)",
    "attack.level": "Constraints",
    "attack.one_swap": "Check every single swap",
    "attack.precision": "Number format under attack",
    "attack.seconds": "Time per sentence (s, at most)",
    "objectives.robustness": "Weight of after-attack accuracy",
    "objectives.accuracy": "Weight of clean accuracy",
    "objectives.compression": "Weight of saved parameters",
    "objectives.edge": "Accuracy floor (share of the teacher's lead)",
    "search.strategy": "Search strategy",
    "search.candidates": "Students to search",
    "search.minutes": "Time limit (min)",
    "search.population": "Population (parents)",
    "search.crossover": "Children by crossover (share)",
    "search.mutations": "Mutations per child",
    "search.chains": "Plain chains per input code",
    "search.bag": "Bag-of-words baselines",
    "search.rungs": "Rungs of the fidelity ladder",
    "search.reduction": "One in so many is promoted",
    "search.seed": "Seed of the search",
}


def label(stage: str, field: str) -> str:
    """A setting as a person calls it; one of another version by its key."""
    return LABELS.get(f"{stage}.{field}", field.replace("_", " ").capitalize())


def about(stage: str, field: str, description: str | None) -> str:
    """What a setting means, and its key."""
    return f"{description or ''}\n\n`{stage}.{field}`"
