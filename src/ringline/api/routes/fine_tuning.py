"""Fine-tuning jobs (spec ai-api §8), at Telnyx's place and at the `openai` SDK's."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringline.api import errors
from ringline.api.context import Context, Ctx
from ringline.api.models.fine_tuning import (
    CheckpointList,
    CheckpointView,
    EventList,
    EventView,
    JobBody,
    JobList,
    JobView,
)
from ringline.core.errors import ApiError
from ringline.finetune.errors import TrainingError
from ringline.finetune.state import IllegalMove
from ringline.store.training import Training

TELNYX = "/ai/fine_tuning/jobs"
OPENAI = "/ai/openai/fine_tuning/jobs"
MOST = 1_000

router = APIRouter(tags=["fine-tuning"])

After = Annotated[str | None, Query(max_length=128, description="Go on behind the entry of this id.")]
Jobs = Annotated[int, Query(ge=1, le=MOST, description="Jobs at most; Telnyx's list has no pages.")]
Events = Annotated[int, Query(ge=1, le=MOST, description="Events at most.")]


@router.post(OPENAI)
@router.post(TELNYX)
async def create_fine_tuning_job(ctx: Ctx, body: JobBody) -> JobView:
    """Queue a job; its `id` is the name of the model that it makes."""
    try:
        return JobView.of(await ctx.deps.training.create(ctx.account_id, body.wanted()))
    except TrainingError as error:
        raise errors.invalid("10015", f"/{error.parameter or 'model'}", f"{error}.") from error


@router.get(OPENAI)
@router.get(TELNYX)
async def list_fine_tuning_jobs(ctx: Ctx, after: After = None, limit: Jobs = MOST) -> JobList:
    """The jobs of this account."""
    found, more = await ctx.deps.training.page(ctx.account_id, after=after, limit=limit)
    return JobList(data=[JobView.of(one) for one in found], has_more=more)


@router.get(OPENAI + "/{job_id}")
@router.get(TELNYX + "/{job_id}")
async def retrieve_fine_tuning_job(ctx: Ctx, job_id: str) -> JobView:
    """One job."""
    return JobView.of(await _found(ctx, job_id))


@router.post(OPENAI + "/{job_id}/cancel")
@router.post(TELNYX + "/{job_id}/cancel")
async def cancel_fine_tuning_job(ctx: Ctx, job_id: str) -> JobView:
    """End a job that waits or runs; what it has learnt is thrown away."""
    try:
        cancelled = await ctx.deps.training.cancel(ctx.account_id, job_id)
    except IllegalMove as error:
        detail = f"This job has ended ({error.status}) and cannot be cancelled any more."
        raise ApiError(400, errors.problem("10015", detail)) from error
    return JobView.of(_existing(cancelled))


@router.get(OPENAI + "/{job_id}/events")
@router.get(TELNYX + "/{job_id}/events")
async def list_fine_tuning_events(
    ctx: Ctx, job_id: str, after: After = None, limit: Events = 20
) -> EventList:
    """What a job has told, newest first."""
    one = await _found(ctx, job_id)
    found, more = await ctx.deps.training.events(one.id, after=after, limit=limit)
    return EventList(data=[EventView.of(event) for event in found], has_more=more)


@router.get(OPENAI + "/{job_id}/checkpoints")
@router.get(TELNYX + "/{job_id}/checkpoints")
async def list_fine_tuning_checkpoints(ctx: Ctx, job_id: str) -> CheckpointList:
    """The usable states of a job's model: the finished one, once it is there."""
    one = await _found(ctx, job_id)
    data = [CheckpointView.of(one)] if one.status == "succeeded" else []
    shown = data[0].id if data else None
    return CheckpointList(data=data, first_id=shown, last_id=shown)


async def _found(ctx: Context, job_id: str) -> Training:
    return _existing(await ctx.deps.training.find(ctx.account_id, job_id))


def _existing(one: Training | None) -> Training:
    if one is None:
        raise errors.not_found("The fine-tuning job")
    return one
