"""Speech-to-text reports (spec ai-api §10)."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ringline.api.models.base import Body, View
from ringline.reports.stt import Price
from ringline.store.stt_reports import ReportStatus, SttReport
from ringline.store.usage import UsageDay

Moment = Annotated[str, Field(max_length=64)]


class SttReportBody(Body):
    """A report to be made; a month at most."""

    start_date: Moment = Field(
        description="First moment, ISO-8601 with a zone.", examples=["2026-01-01T00:00:00Z"]
    )
    end_date: Moment = Field(
        description="Last moment, ISO-8601 with a zone.", examples=["2026-01-31T23:59:59Z"]
    )


class SttReportView(View):
    """A report; COMPLETE ones have a link that is fresh each time and works for ten minutes."""

    id: str
    record_type: Literal["speech_to_text_report"] = "speech_to_text_report"
    start_date: datetime
    end_date: datetime
    status: ReportStatus
    download_link: str = Field(description="Empty unless the report is COMPLETE.")
    created_at: datetime

    @classmethod
    def of(cls, report: SttReport, link: str) -> "SttReportView":
        """The view of a report whose file can be had at `link`."""
        return cls(
            id=report.id,
            start_date=report.start_date,
            end_date=report.end_date,
            status=report.status,
            download_link=link,
            created_at=report.created_at,
        )


class SttReportList(BaseModel):
    """The latest reports; there are no pages."""

    data: list[SttReportView]


class UsageLine(View):
    """What one engine and model heard in one day."""

    date: date
    engine: str
    model: str
    requests: int
    duration_seconds: float
    cost: float
    currency: str


class UsageView(View):
    """Speech recognition by day, engine and model, and in all."""

    record_type: Literal["speech_to_text_usage_report"] = "speech_to_text_usage_report"
    start_date: datetime
    end_date: datetime
    result: list[UsageLine]
    total_requests: int
    total_duration_seconds: float
    total_cost: float
    currency: str

    @classmethod
    def of(cls, start: datetime, end: datetime, days: list[UsageDay], price: Price) -> "UsageView":
        """The view of some days' sums."""
        seconds = sum(day.seconds for day in days)
        return cls(
            start_date=start,
            end_date=end,
            result=[
                UsageLine(
                    date=day.day,
                    engine=day.engine,
                    model=day.model,
                    requests=day.requests,
                    duration_seconds=round(day.seconds, 3),
                    cost=float(price.of(day.seconds)),
                    currency=price.currency,
                )
                for day in days
            ],
            total_requests=sum(day.requests for day in days),
            total_duration_seconds=round(seconds, 3),
            total_cost=float(price.of(seconds)),
            currency=price.currency,
        )
