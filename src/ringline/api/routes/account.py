"""What an app needs to know of its account."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ringline.api.context import ACCOUNT
from ringline.api.paging import Data
from ringline.api.ports import ApiDeps
from ringline.store import accounts, keys
from ringline.webhooks.signing import Signer

router = APIRouter(tags=["account"])


class PublicKey(BaseModel):
    """The key that webhooks are signed with, as the SDK's `TELNYX_PUBLIC_KEY` wants it."""

    public: str


@router.get("/public_key", openapi_extra={"security": []})
async def retrieve_public_key(request: Request) -> Data[PublicKey]:
    """The webhook key of the caller's account; without an API key, of the server's first account."""
    deps: ApiDeps = request.app.state.deps
    now = deps.clock.utc()
    account_id: str | None = request.scope.get(ACCOUNT)
    if account_id is None:
        account_id = (await deps.store.tx(accounts.default_account, ids=deps.ids, now=now)).id
    seed = await deps.store.tx(keys.signing_seed, account_id, ids=deps.ids, now=now)
    return Data(data=PublicKey(public=Signer(seed).public_key))
