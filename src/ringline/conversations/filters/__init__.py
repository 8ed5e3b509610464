"""PostgREST filters of conversations (spec ai-api §5.2): text to tree, tree to text, tree to SQL."""

from ringline.conversations.filters.parser import BadFilter, parse, parse_test
from ringline.conversations.filters.serializer import serialize
from ringline.conversations.filters.tree import Query

__all__ = ["BadFilter", "Query", "parse", "parse_test", "serialize"]
