"""What insights need of the rest of the house; `node` passes it in."""

from typing import Protocol

import sqlalchemy as sa

from ringline.inference.cards import ModelCard
from ringline.inference.chat import ChatRequest, Completion
from ringline.store.conversations import Conversation
from ringline.store.insight_runs import InsightRun
from ringline.store.insights import InsightGroup


class Model(Protocol):
    """The models of this server (`inference.service`)."""

    async def find(self, name: str, account_id: str) -> ModelCard:
        """A model by name or alias, the default one for an empty name; raises `UnknownModel`."""
        ...

    async def complete(self, request: ChatRequest) -> Completion:
        """Ask; raises `InferenceError`, and `workers.Busy` when there is no place."""
        ...


class Tell(Protocol):
    """Where results are announced."""

    def __call__(
        self, conn: sa.Connection, run: InsightRun, group: InsightGroup, conversation: Conversation
    ) -> None:
        """Queue the webhooks of a run that has just been completed, in the transaction that completes it."""
        ...
