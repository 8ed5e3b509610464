"""Speech-to-text reports (spec ai-api §10), under both families of paths that clients know."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute

from ringline.api import errors
from ringline.api.context import Context, Ctx, discard
from ringline.api.models.errors import BAD_REQUESTS
from ringline.api.models.reports import SttReportBody, SttReportList, SttReportView, UsageView
from ringline.api.paging import Data
from ringline.core.errors import ApiError
from ringline.reports import dates
from ringline.reports.dates import BadRange
from ringline.storage import signed
from ringline.store.stt_reports import ReportStatus, SttReport

DETAILS = "/batch_detail_records/speech_to_text"

Moment = Annotated[
    str | None, Query(max_length=64, description="ISO-8601, included; a date alone is that whole day.")
]

reports = APIRouter(tags=["reports"])


@reports.get(DETAILS)
async def list_stt_reports(ctx: Ctx, request: Request) -> SttReportList:
    """The latest reports, newest first."""
    found = await ctx.deps.reports.newest(ctx.account_id)
    return SttReportList(data=[_view(ctx, request, one) for one in found])


@reports.post(DETAILS)
async def create_stt_report(ctx: Ctx, request: Request, body: SttReportBody) -> Data[SttReportView]:
    """Have a CSV of every recognition of up to a month written; it is PENDING until it is there."""
    try:
        wanted = dates.detail_range(body.start_date, body.end_date)
    except BadRange as wrong:
        problem = errors.problem("10015", str(wrong), pointer=f"/{wrong.field}")
        raise ApiError(400, problem) from None
    made = await ctx.deps.reports.create(ctx.account_id, wanted)
    return Data(data=_view(ctx, request, made))


@reports.get(f"{DETAILS}/{{id}}")
async def retrieve_stt_report(ctx: Ctx, request: Request, id: str) -> Data[SttReportView]:
    """One report, with a fresh link to its file."""
    found = _found(await ctx.deps.reports.find(ctx.account_id, id))
    return Data(data=_view(ctx, request, found))


@reports.delete(f"{DETAILS}/{{id}}")
async def delete_stt_report(ctx: Ctx, id: str) -> Data[SttReportView]:
    """Delete a report and its file; the answer is the report as it was."""
    gone = _found(await ctx.deps.reports.delete(ctx.account_id, id))
    await discard(ctx.deps.objects, [gone.object_key])
    return Data(data=SttReportView.of(gone, ""))


@reports.get("/usage_reports/speech_to_text", responses=BAD_REQUESTS)
async def stt_usage(ctx: Ctx, start_date: Moment = None, end_date: Moment = None) -> Data[UsageView]:
    """Speech recognition by day, engine and model; the last month where no range is given.

    Days are those of the zone of `start_date`.
    """
    try:
        wanted = dates.usage_range(start_date, end_date, ctx.deps.clock.utc())
    except BadRange as wrong:
        raise ApiError(400, errors.problem("10015", str(wrong), parameter=wrong.field)) from None
    days = await ctx.deps.reports.sums(ctx.account_id, wanted)
    return Data(data=UsageView.of(wanted.start, wanted.end, days, ctx.deps.reports.price))


def _newer(route: APIRoute) -> str:
    """Names of operations must differ where only a slash does."""
    return f"{route.name}_newer"


router = APIRouter()
router.include_router(reports, prefix="/legacy/reporting")
router.include_router(reports, prefix="/legacy_reporting", generate_unique_id_function=_newer)


def _found(report: SttReport | None) -> SttReport:
    if report is None:
        raise errors.not_found("The report")
    return report


def _view(ctx: Context, request: Request, report: SttReport) -> SttReportView:
    settings = ctx.deps.settings
    if report.status is not ReportStatus.COMPLETE or report.expires_at is None:
        return SttReportView.of(report, "")
    until = min(report.expires_at, ctx.deps.clock.utc() + timedelta(seconds=settings.link_secs))
    grant = signed.Grant(
        key=report.object_key,
        content_type="text/csv; charset=utf-8",
        filename=report.file_name(),
        expires=int(until.timestamp()),
    )
    base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return SttReportView.of(report, base.rstrip("/") + signed.link(ctx.deps.link_secret, grant))
