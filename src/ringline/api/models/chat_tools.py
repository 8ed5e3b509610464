"""The tools of a chat as they are sent (spec ai-api §2)."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, StringConstraints

from ringline.api.models.base import Body
from ringline.inference.chat import Tool

FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]


class Function(Body):
    """A function and its arguments' schema."""

    name: FunctionName
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})


class FunctionTool(Body):
    """A function that the model may ask to be called."""

    type: Literal["function"]
    function: Function

    def value(self) -> Tool:
        """The tool."""
        one = self.function
        return Tool(one.name, one.description, msgspec.json.encode(one.parameters).decode())


class Retrieval(Body):
    """Buckets whose documents are looked up."""

    bucket_ids: Annotated[list[str], Field(min_length=1)]
    max_num_results: Annotated[int, Field(ge=1)] | None = None


class RetrievalTool(Body):
    """Answers from the documents of buckets: refused, this server does not look things up there."""

    type: Literal["retrieval"]
    retrieval: Retrieval


ChatTool = Annotated[FunctionTool | RetrievalTool, Field(discriminator="type")]


class Named(Body):
    """A function's name."""

    name: str


class NamedFunction(Body):
    """Exactly this function is to be called."""

    type: Literal["function"] = "function"
    function: Named
