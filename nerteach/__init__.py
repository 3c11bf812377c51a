"""Fine-tune BERT for named-entity recognition, and learn how, in English and Portuguese."""

__version__ = "0.1.0"
