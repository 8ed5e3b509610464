"""Credential connections, and connections of any kind (spec voice-api §6.2)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from ringline.api import errors, filters, sorting
from ringline.api.context import Ctx
from ringline.api.models.connections import (
    ConnectionView,
    Counts,
    CountView,
    CredentialCreate,
    CredentialUpdate,
    CredentialView,
    RegistrationView,
)
from ringline.api.paging import Data, Listing, Meta, PageQuery
from ringline.api.ports import Registration
from ringline.store import applications, connections
from ringline.store.applications import ApplicationQuery
from ringline.store.connections import ConnectionQuery, CredentialConnection

router = APIRouter(tags=["connections"])


class ConnectionFilters(filters.Filters):
    """What connections can be filtered by."""

    name_contains: Annotated[str, Field(min_length=3)] | None = Field(None, alias="connection_name[contains]")
    fqdn: str | None = Field(None, description="No connection of this server has one.")
    profile_id: str | None = Field(None, alias="outbound_voice_profile_id")


Order = sorting.Sort[Literal["created_at", "connection_name", "active"]]
Filters = Annotated[ConnectionFilters, Depends(filters.reader(ConnectionFilters))]
Sorted = Annotated[Order, Depends(sorting.reader("created_at", "connection_name", "active"))]


@router.get("/connections", openapi_extra=filters.described(ConnectionFilters))
async def list_connections(ctx: Ctx, page: PageQuery, only: Filters, sort: Sorted) -> Listing[ConnectionView]:
    """Applications and credential connections together."""
    query = _query(only, sort)
    found, total = await ctx.read(
        connections.page_of_any, ctx.account_id, query, limit=page.size, offset=page.offset
    )
    return Listing(data=[ConnectionView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/connections/count")
async def count_connections(ctx: Ctx) -> Data[CountView]:
    """How many connections of each kind there are."""
    _, apps = await ctx.read(applications.page, ctx.account_id, ApplicationQuery(), limit=1)
    _, phones = await ctx.read(connections.page, ctx.account_id, ConnectionQuery(), limit=1)
    return Data(data=CountView(counts=Counts(call_control_applications=apps, credential_connections=phones)))


@router.get("/connections/{id}")
async def retrieve_connection(ctx: Ctx, id: str) -> Data[ConnectionView]:
    """One connection of any kind."""
    found, _ = await ctx.read(connections.page_of_any, ctx.account_id, ConnectionQuery(id=id), limit=1)
    if not found:
        raise errors.not_found("The connection")
    return Data(data=ConnectionView.of(found[0]))


@router.post("/credential_connections", status_code=201)
async def create_credential_connection(ctx: Ctx, body: CredentialCreate) -> Data[CredentialView]:
    """Let a phone register with a user name and a password."""
    deps = ctx.deps
    wanted = body.created(deps.ids.decimal(), ctx.account_id, deps.settings.sip_realm, deps.clock.utc())
    return _shown(await ctx.route(connections.create, wanted))


@router.get("/credential_connections", openapi_extra=filters.described(ConnectionFilters))
async def list_credential_connections(
    ctx: Ctx, page: PageQuery, only: Filters, sort: Sorted
) -> Listing[CredentialView]:
    """The phones of this account."""
    query = _query(only, sort)
    found, total = await ctx.read(
        connections.page, ctx.account_id, query, limit=page.size, offset=page.offset
    )
    return Listing(data=[CredentialView.of(one) for one in found], meta=Meta.of(page, total))


@router.get("/credential_connections/{id}")
async def retrieve_credential_connection(ctx: Ctx, id: str) -> Data[CredentialView]:
    """One credential connection."""
    return _shown(await ctx.read(connections.find, ctx.account_id, id))


@router.patch("/credential_connections/{id}")
async def update_credential_connection(ctx: Ctx, id: str, body: CredentialUpdate) -> Data[CredentialView]:
    """Change the members that are given."""
    realm, now = ctx.deps.settings.sip_realm, ctx.deps.clock.utc()
    return _shown(
        await ctx.route(connections.revise, ctx.account_id, id, lambda one: body.changed(one, realm, now))
    )


@router.delete("/credential_connections/{id}")
async def delete_credential_connection(ctx: Ctx, id: str) -> Data[CredentialView]:
    """Remove a connection; its phone can register no more."""
    return _shown(await ctx.route(connections.delete, ctx.account_id, id))


@router.post("/credential_connections/{id}/actions/check_registration_status")
async def check_registration_status(ctx: Ctx, id: str) -> Data[RegistrationView]:
    """Whether the phone is registered, and from where."""
    connection = await ctx.read(connections.find, ctx.account_id, id)
    if connection is None:
        raise errors.not_found("The credential connection")
    registration = ctx.deps.registrations.of(connection.user_name)
    return Data(data=_registration(ctx, connection.user_name, registration))


def _query(only: ConnectionFilters, sort: Order) -> ConnectionQuery:
    return ConnectionQuery(
        id="" if only.fqdn else None,  # none has a domain name, so none matches
        name_contains=only.name_contains,
        outbound_voice_profile_id=only.profile_id,
        order_by=sort.by,
        descending=sort.descending,
    )


def _shown(connection: CredentialConnection | None) -> Data[CredentialView]:
    if connection is None:
        raise errors.not_found("The credential connection")
    return Data(data=CredentialView.of(connection))


def _registration(ctx: Ctx, user_name: str, found: Registration | None) -> RegistrationView:
    if found is None:
        return RegistrationView(sip_username=user_name, status="Not Registered")
    return RegistrationView(
        sip_username=user_name,
        status="Registered" if found.expires_at > ctx.deps.clock.utc() else "Expired",
        ip_address=found.address,
        port=found.port,
        transport=found.transport,
        user_agent=found.user_agent,
        last_registration=found.at,
    )
