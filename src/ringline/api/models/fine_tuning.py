"""Fine-tuning jobs as Telnyx and OpenAI write them (spec ai-api §8)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from ringline.api.models.base import Body, View
from ringline.api.models.fields import mistake
from ringline.finetune.plan import MOST_EPOCHS
from ringline.finetune.service import BATCH, LEARNING_RATE, Wanted
from ringline.store.training import Training, TrainingEvent

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Suffix = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataText = Annotated[str, StringConstraints(max_length=512)]

MOST_BATCH = 256
AUTO = 3
"""Passes that are shown while "auto" is not decided: the answer's `n_epochs` must be a number."""


def _not_here(value: Any) -> Any:
    if value:
        raise mistake("10038", "This feature is not available on this server.")
    return None


NotHere = BeforeValidator(_not_here)
"""Nothing, or a refusal: OpenAI has it and this server does not."""


def _or_auto(value: Any) -> Any:
    return None if value == "auto" else value


def auto_or(**number: Any) -> WithJsonSchema:
    """The description of a number that may be "auto"."""
    return WithJsonSchema({"anyOf": [number, {"type": "string", "const": "auto"}]})


Auto = BeforeValidator(_or_auto)
"""Reads "auto" as None. A plain union would tell of each mistake twice."""


class HyperparametersBody(Body):
    """How to train; "auto", which is None here, leaves it to the server."""

    n_epochs: Annotated[
        int | None, Field(ge=1, le=MOST_EPOCHS), Auto, auto_or(type="integer", minimum=1, maximum=MOST_EPOCHS)
    ] = Field(3, description="Passes over the examples.", examples=[3])
    batch_size: Annotated[
        int | None, Field(ge=1, le=MOST_BATCH), Auto, auto_or(type="integer", minimum=1, maximum=MOST_BATCH)
    ] = Field(None, description="Examples of one step.", examples=["auto"])
    learning_rate_multiplier: Annotated[
        float | None, Field(gt=0, le=100), Auto, auto_or(type="number", exclusiveMinimum=0, maximum=100)
    ] = Field(None, examples=["auto"])


class SupervisedBody(Body):
    """OpenAI's newer place of the hyperparameters."""

    hyperparameters: HyperparametersBody = HyperparametersBody()


class MethodBody(Body):
    """How the model learns; this server shows it right answers."""

    type: Literal["supervised"] = "supervised"
    supervised: SupervisedBody = SupervisedBody()


class JobBody(Body):
    """A new job."""

    model: Annotated[str, Field(min_length=1, max_length=256, examples=["smollm2-135m-instruct"])]
    training_file: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1200,
            description="A bucket, BUCKET/KEY, s3://BUCKET/KEY, or the name of an object in just one bucket.",
            examples=["training/facts.jsonl"],
        ),
    ]
    hyperparameters: HyperparametersBody | None = None
    suffix: Suffix | None = Field(None, description="Becomes a part of the new model's name.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    method: MethodBody | None = None
    metadata: Annotated[dict[str, MetadataText], Field(max_length=16)] | None = None
    validation_file: Annotated[str | None, NotHere] = Field(None, description="Not available on this server.")
    integrations: Annotated[list[Any] | None, NotHere] = Field(
        None, description="Not available on this server."
    )

    def wanted(self) -> Wanted:
        """The job."""
        given = self.hyperparameters or (self.method.supervised.hyperparameters if self.method else None)
        chosen = given or HyperparametersBody()
        return Wanted(
            model=self.model,
            training_file=self.training_file,
            epochs=chosen.n_epochs,
            batch_size=chosen.batch_size or BATCH,
            learning_rate_multiplier=chosen.learning_rate_multiplier or 1.0,
            seed=self.seed,
            suffix=self.suffix,
            metadata=self.metadata,
        )


class HyperparametersView(View):
    """How it is trained."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float


class ErrorView(View):
    """Why a job failed."""

    code: str
    message: str
    param: str | None


class JobView(View):
    """A job; `id` is also the name under which the finished model answers. Times are Unix seconds."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    fine_tuned_model: str | None
    hyperparameters: HyperparametersView
    model: str
    organization_id: str
    status: Status
    trained_tokens: int | None
    training_file: str
    validation_file: None = None
    result_files: list[str]
    seed: int
    error: ErrorView | None
    metadata: dict[str, str] | None

    @classmethod
    def of(cls, one: Training) -> "JobView":
        """The view of a job."""
        reason = None
        if one.error is not None:
            code = "invalid_training_file" if one.error_parameter == "training_file" else "training_failed"
            reason = ErrorView(code=code, message=one.error, param=one.error_parameter)
        return cls.model_validate(
            {
                "id": one.id,
                "created_at": _seconds(one.created_at),
                "finished_at": one.finished_at and _seconds(one.finished_at),
                "estimated_finish": one.estimated_finish and _seconds(one.estimated_finish),
                "fine_tuned_model": one.id if one.status == "succeeded" else None,
                "hyperparameters": HyperparametersView(
                    n_epochs=one.n_epochs or AUTO,
                    batch_size=one.batch_size,
                    learning_rate_multiplier=round(one.learning_rate / LEARNING_RATE, 6),
                ),
                "model": one.model,
                "organization_id": one.account_id,
                "status": one.status,
                "trained_tokens": one.trained_tokens,
                "training_file": one.training_file,
                "result_files": [],
                "seed": one.seed,
                "error": reason,
                "metadata": None if one.metadata is None else dict(one.metadata),
            }
        )


class EventView(View):
    """Something that a job has to tell; `metrics` carry step, loss, tokens a second and the time left."""

    id: str
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"]
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, Any] | None

    @classmethod
    def of(cls, event: TrainingEvent) -> "EventView":
        """The view of an event."""
        return cls(
            id=event.id,
            created_at=_seconds(event.created_at),
            level=event.level,
            message=event.message,
            type=event.type,
            data=None if event.data is None else dict(event.data),
        )


class MetricsView(View):
    """What a checkpoint was worth."""

    step: int
    train_loss: float | None


class CheckpointView(View):
    """A state of the model that can be used: here the finished one."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    metrics: MetricsView
    step_number: int

    @classmethod
    def of(cls, one: Training) -> "CheckpointView":
        """The finished model of a job that has succeeded."""
        assert one.finished_at is not None
        return cls(
            id=f"{one.id}-{one.step}",
            created_at=_seconds(one.finished_at),
            fine_tuned_model_checkpoint=one.id,
            fine_tuning_job_id=one.id,
            metrics=MetricsView(step=one.step, train_loss=one.loss),
            step_number=one.step,
        )


class JobList(View):
    """Jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobView]
    has_more: bool


class EventList(View):
    """Events, newest first."""

    object: Literal["list"] = "list"
    data: list[EventView]
    has_more: bool


class CheckpointList(View):
    """Checkpoints, newest first."""

    object: Literal["list"] = "list"
    data: list[CheckpointView]
    has_more: bool = False
    first_id: str | None
    last_id: str | None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
