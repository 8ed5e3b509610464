"""A running ringline: every part made, wired, started and stopped in order."""

import asyncio
import gc
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

import ringline
from ringline.api.app import build_app
from ringline.api.buckets import Buckets
from ringline.api.ports import ApiDeps, ApiSettings, Health
from ringline.calls.inputs import Input, Superseded
from ringline.calls.runner import Ports, Runner
from ringline.calls.service import CallService
from ringline.calls.state import Leg
from ringline.core import log
from ringline.core.clock import MILLISECOND, Clock, SystemClock
from ringline.core.ids import Ids
from ringline.core.net import Guard, Policy
from ringline.core.settings import Settings
from ringline.jobs.runner import Jobs
from ringline.media.events import MediaEvent
from ringline.media.plane import MediaPlane
from ringline.node import aftermath
from ringline.node.audio import AudioLibrary
from ringline.node.calls_directory import CallsDirectory
from ringline.node.conversation_notes import ConversationNotes
from ringline.node.directory import Directory
from ringline.node.embeddings import make_embeddings
from ringline.node.finetune import make_training
from ringline.node.inbound import Inbound
from ringline.node.inference import make_client, make_inference
from ringline.node.insights import Insights
from ringline.node.ledger import StoreLedger
from ringline.node.lines import Advertised, SipLines
from ringline.node.media_events import MediaReporter
from ringline.node.metrics import LoopLag, RoomCounts
from ringline.node.orphans import Orphans
from ringline.node.players import MediaPlayers
from ringline.node.recognition import make_recognition
from ringline.node.recorders import MediaRecorders
from ringline.node.recordings import Shelf
from ringline.node.registrations import Registrations
from ringline.node.reports import Reports
from ringline.node.retention import Retention
from ringline.node.speech import make_speech
from ringline.node.streams import AppStreams
from ringline.node.targets import Own, Targets
from ringline.node.timers import LoopTimers
from ringline.node.transcription import LiveTranscribers
from ringline.node.web import WebServer
from ringline.sip import events as sip
from ringline.sip.digest import Ha1
from ringline.sip.endpoint import EndpointSettings, SipEndpoint
from ringline.sip.stack import StackSettings
from ringline.sip.timers import Timing
from ringline.speech.synthesis import SpeechUnavailable
from ringline.storage.objects import ObjectStore
from ringline.store import accounts, keys, media
from ringline.store.db import Store
from ringline.timeline.entries import AnyBody
from ringline.webhooks.delivery import Delivery

NODE = "node-1"
"""The one node's name; several nodes on one store are to come with names of their own."""


JOB_SLOTS = 4
"""Durable jobs that run at once; training, which takes hours, has a runner of its own."""
MEDIA_LEGS = 1024
"""Legs that the media engine has room for, at least."""
RTP_TIMEOUT_S = 30
"""When silence on RTP is worth an event, where no setting makes it the end of the call."""


@dataclass(frozen=True, slots=True)
class FirstKey:
    """The key made at the first start, shown once."""

    secret: str


class Node:
    """One ringline server."""

    inbound: Inbound
    lines: SipLines
    players: MediaPlayers
    recorders: MediaRecorders
    reporter: MediaReporter
    runner: Runner
    streams: AppStreams
    transcribers: LiveTranscribers

    def __init__(self, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.ids = ids or Ids()
        self.first_key: FirstKey | None = None
        self._log = log.get("node")
        self._ready = False
        self._hurry = asyncio.Event()

    @property
    def http_url(self) -> str:
        """Base URL of the API, `/v2` included."""
        return f"{self.web.url}/v2"

    @property
    def sip_address(self) -> str:
        """`host:port` of SIP."""
        return f"{self.endpoint.address}:{self.endpoint.port}"

    async def start(self) -> None:
        """Open everything; raises `ConfigError` with what to do when something is in the way."""
        await self._open_store()
        self._make_parts()
        self._warming = asyncio.create_task(self._warm(), name="warm speech")
        await self.plane.start()
        await self.endpoint.start()
        await self.directory.start()
        lost = await aftermath.end_lost_legs(self.store, node=NODE, clock=self.clock, ids=self.ids)
        self.delivery.start()
        await self.reports.start()
        self.inference.start()
        await self.training.start()
        await self.web.start()
        saved = await self.recorders.recover()
        await aftermath.tell_saved(self.store, self.shelf, saved, clock=self.clock, ids=self.ids)
        self.retention.start()
        self.jobs.start()
        self.insights.watch.start()
        self.loop_lag.start()
        if lost or saved:
            self._log.warning("recovered from an unclean end", calls_ended=lost, recordings=len(saved))
        gc.collect()
        gc.freeze()
        self._ready = True
        self._log.info(
            "started",
            media_engine=self.plane.engine_kind,
            media_priority=self.plane.priority,
            speech=self.speech.ready(),
            recognition=self.recognition.ready(),
        )

    async def stop(self, drain_secs: float) -> None:
        """Take no new calls, let those that stand end for so long, then end them, and close everything."""
        self._ready = False
        self.endpoint.drain()
        self.runner.drain()
        draining = asyncio.ensure_future(self.runner.idle())
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((draining, hurried), timeout=drain_secs, return_when=asyncio.FIRST_COMPLETED)
        draining.cancel()
        hurried.cancel()
        self.runner.hang_up_all(Superseded())
        await self.transcribers.settle()
        await self._settle_calls()
        await self.recorders.settle()
        await self._settle_calls()
        await self.streams.settle()
        await self.notes.settle()
        await self.web.stop()
        await self.buckets.traffic.flush()
        await self.insights.watch.stop()
        await self.jobs.stop()
        await self.training.stop()
        await self.reports.stop()
        await self.delivery.stop(drain_secs=5)
        await self.retention.stop()
        await self.loop_lag.stop()
        await self.directory.stop()
        await self.endpoint.stop()
        await self.plane.stop()
        self._warming.cancel()
        await asyncio.gather(self._warming, return_exceptions=True)
        await self.speech.stop()
        await self.recognition.stop()
        await self.embedder.stop()
        await self.inference.stop()
        await self.engine_http.aclose()
        await self.http.aclose()
        await self.store.close()

    async def _warm(self) -> None:
        """Load the synthesiser in the background, so that the first call does not wait for it."""
        try:
            await self.speech.warm()
        except SpeechUnavailable as error:
            self._log.warning("no speech", reason=str(error))

    def hurry(self) -> None:
        """Wait for calls no longer."""
        self._hurry.set()

    async def _settle_calls(self) -> None:
        try:
            async with asyncio.timeout(5):
                await self.runner.idle()
        except TimeoutError:
            self._log.error("calls did not end in time", calls=self.runner.alive)

    async def _open_store(self) -> None:
        settings = self.settings
        settings.data.mkdir(mode=0o750, parents=True, exist_ok=True)  # it holds keys and recordings
        for folder in (self._folder("spool"), self._folder("cache"), self._folder("scratch")):
            folder.mkdir(exist_ok=True)
        self.store = await asyncio.to_thread(Store.open, settings.store_url(), clock=self.clock)
        self.account_id, self.link_secret, secret = await self.store.tx(self._first_rows)
        if secret:
            self.first_key = FirstKey(secret)

    def _first_rows(self, conn: Connection) -> tuple[str, bytes, str | None]:
        now = self.clock.utc()
        account = accounts.default_account(conn, ids=self.ids, now=now)
        keys.signing_seed(conn, account.id, ids=self.ids, now=now)
        link_secret = keys.server_secret(conn, "links", ids=self.ids, now=now)
        given = self.settings.api_key.get_secret_value()
        if given:
            if keys.account_of(conn, given) is None:
                keys.create_key(conn, account.id, given, name="RINGLINE_API_KEY", ids=self.ids, now=now)
            return account.id, link_secret, None
        if keys.list_keys(conn):
            return account.id, link_secret, None
        secret = keys.new_secret(self.ids)
        keys.create_key(conn, account.id, secret, name="first", ids=self.ids, now=now)
        return account.id, link_secret, secret

    def _folder(self, name: str) -> Path:
        return self.settings.data / name

    def _make_parts(self) -> None:
        settings, clock, ids = self.settings, self.clock, self.ids
        listening = (settings.http.host, settings.sip.host)
        policy = Policy.build(settings.net.policy, settings.net.allow, settings.net.deny, listening)
        self.guard = Guard(policy)
        self.objects = ObjectStore.open(settings.storage.url, self._folder("objects"))
        self.buckets = Buckets(self.store, self.objects, clock, ids)
        self.directory = Directory(self.store)
        self.jobs = Jobs(self.store, clock, ids=ids, node=NODE, slots=JOB_SLOTS)
        self.reports = Reports(settings.reports, self.store, self.objects, self.jobs, clock, ids)
        self.registry = CollectorRegistry()
        self.loop_lag = LoopLag(self.registry, clock)
        self.http = httpx.AsyncClient(trust_env=False)
        self.speech = make_speech(settings, clock, self.http)
        self.recognition = make_recognition(settings, clock, self.http)
        self.engine_http = make_client()
        self.embedder = make_embeddings(settings, clock, self.engine_http)
        self.inference = make_inference(settings, clock, ids, self.engine_http, self.reports.meter)
        self.training = make_training(
            *(settings, self.store, clock, ids),
            node=NODE,
            buckets=self.buckets,
            inference=self.inference,
            note=self.reports.meter.training,
            http=self.engine_http,
        )
        self.insights = Insights(
            self.store, self.jobs, self.inference, settings.insights, clock=clock, ids=ids
        )
        self.plane = MediaPlane(
            clock=clock,
            ids=ids,
            bind=settings.media.host,
            ports=settings.media.port_range(),
            driver=settings.media.driver,
            on_event=self._on_media,
            capacity=max(MEDIA_LEGS, settings.calls.limit),
            rtp_timeout_s=settings.media.rtp_timeout_s or RTP_TIMEOUT_S,
        )
        self.endpoint = SipEndpoint(
            clock=clock,
            ids=ids,
            on_event=self._on_sip,
            decide_invite=self._decide,
            credentials=self._credential,
            settings=self._endpoint_settings(),
        )
        self.delivery = Delivery(self.store, clock, settings.webhooks, guard=self.guard, ids=ids, node=NODE)
        self._make_ports()
        ledger = StoreLedger(self.store, ids, NODE, self.delivery)
        self.notes = ConversationNotes(ledger, self.store, clock)
        self.runner = Runner(
            clock=clock,
            ids=ids,
            ports=Ports(
                lines=self.lines,
                players=self.players,
                recorders=self.recorders,
                streams=self.streams,
                transcribers=self.transcribers,
                ledger=self.notes,
                timers=LoopTimers(),
            ),
            # A place for a leg is a pair of ports too: nobody is let in who could not be heard.
            limit=min(settings.calls.limit, settings.media.pairs()),
        )
        self.runner.on_end = self._forget
        self.inbound = Inbound(
            runner=self.runner,
            lines=self.lines,
            picture=lambda: self.directory.picture,
            own_names=lambda: self._own().names,
            clock=clock,
            ids=ids,
            realm=settings.sip.realm,
            default_application=settings.sip.default_application,
            has_trunk=bool(settings.sip.trunk),
        )
        self.retention = Retention(
            self.store,
            self.objects,
            clock,
            days=settings.timeline.retention_days,
            usage_days=settings.reports.usage_days,
            orphans=Orphans(self.store, self.objects, self.buckets, ids, days=settings.storage.orphan_days),
        )
        self.registry.register(
            RoomCounts(
                calls=lambda: self.runner.alive,
                sip=lambda: self.endpoint.counters,
                webhooks=lambda: self.delivery.counts,
                jobs=lambda: self.jobs.counts + self.training.counts,
                held=lambda: self.delivery.held,
            )
        )
        self.web = WebServer(build_app(self._api()), settings.http.host, settings.http.port)

    def _make_ports(self) -> None:
        settings, clock, ids = self.settings, self.clock, self.ids
        self.registrations = Registrations(self.endpoint, clock)
        self.lines = SipLines(
            endpoint=self.endpoint,
            plane=self.plane,
            targets=Targets(
                self._own,
                lambda: self.directory.picture,
                lambda user: self.endpoint.registered(user) is not None,
            ),
            advertised=Advertised(
                settings.media.external_address,
                settings.sip.external_address or settings.sip.host,
                settings.media.codecs,
            ),
            clock=clock,
            ids=ids,
            post=self._post,
            full_trace=settings.timeline.trace == "full",
        )
        library = AudioLibrary(
            guard=self.guard,
            speech=self.speech,
            stored=self._stored_audio,
            spoken=self.reports.meter.synthesis,
            folder=self._folder("cache"),
            clock=clock,
            max_bytes=settings.net.max_download_mb * 1_000_000,
            timeout_s=settings.net.timeout_s,
        )
        self.players = MediaPlayers(
            plane=self.plane, library=library, post=self._post, send_info=self.lines.send_info_digits
        )
        self.shelf = Shelf(
            store=self.store,
            objects=self.objects,
            clock=clock,
            ids=ids,
            base_url=lambda: settings.http.public_url or self.web.url,
            link_secret=self.link_secret,
            link_secs=settings.storage.link_secs,
        )
        self.recorders = MediaRecorders(
            plane=self.plane, shelf=self.shelf, spool=self._folder("spool"), clock=clock, post=self._post
        )
        self.streams = AppStreams(
            clock=clock, plane=self.plane, guard=self.guard, settings=settings.streams, post=self._post
        )
        self.transcribers = LiveTranscribers(
            plane=self.plane,
            recognizer=self.recognition,
            note=self.reports.meter.recognition,
            clock=clock,
            post=self._post,
        )
        self.reporter = MediaReporter(
            clock=clock,
            players=self.players,
            streams=self.streams,
            post=self._post,
            rtp_timeout=settings.media.rtp_timeout_s > 0,
        )

    def _api(self) -> ApiDeps:
        settings = self.settings
        return ApiDeps(
            calls=CallService(
                self.runner,
                CallsDirectory(self.directory, self.store, self.clock),
                clock=self.clock,
                ids=self.ids,
            ),
            store=self.store,
            objects=self.objects,
            buckets=self.buckets,
            guard=self.guard,
            registrations=self.registrations,
            jobs=self.jobs,
            usage=self.reports.usage,
            reports=self.reports.stt,
            embedder=self.embedder,
            inference=self.inference,
            training=self.training.service,
            insights=self.insights.intake,
            clock=self.clock,
            ids=self.ids,
            registry=self.registry,
            health=self._health,
            routes_changed=self.directory.fresh,
            link_secret=self.link_secret,
            scratch=self._folder("scratch"),
            settings=ApiSettings(
                requests_per_minute=settings.http.requests_per_minute,
                max_media_bytes=settings.net.max_download_mb * 1_000_000,
                fetch_timeout_s=settings.net.timeout_s,
                public_url=settings.http.public_url,
                link_secs=settings.storage.link_secs,
                sip_realm=settings.sip.realm,
            ),
        )

    def _endpoint_settings(self) -> EndpointSettings:
        one = self.settings.sip
        return EndpointSettings(
            host=one.host,
            port=one.port,
            external_address=one.external_address,
            stack=StackSettings(
                timing=Timing(t1_ns=one.t1_ms * MILLISECOND),
                realm=one.realm,
                digest_algorithms=one.digest_algorithms,
                invites_per_s=float(one.invites_per_second),
                invites_burst=2 * one.invites_per_second,
            ),
        )

    def _own(self) -> Own:
        names = {self.endpoint.address, self.settings.sip.host, self.settings.sip.realm, "localhost"}
        return Own(self.endpoint.address, self.endpoint.port, frozenset(names), self.settings.sip.trunk)

    def _health(self) -> Health:
        return Health(
            ready=self._ready,
            details={
                "version": ringline.__version__,
                "media_engine": self.plane.engine_kind,
                "media_priority": self.plane.priority,
                "calls": self.runner.alive,
                "speech": self.speech.ready(),
                "recognition": self.recognition.ready(),
            },
        )

    def _credential(self, user: str) -> Ha1 | None:
        phone = self.directory.picture.phones.get(user)
        return Ha1(phone.ha1_md5, phone.ha1_sha256) if phone else None

    async def _stored_audio(self, account_id: str, media_name: str) -> bytes:
        found = await self.store.read(media.find, account_id, media_name, self.clock.utc())
        if found is None:
            raise KeyError(media_name)
        return await self.objects.read(found.object_key, self.settings.net.max_download_mb * 1_000_000)

    def _on_media(self, event: MediaEvent) -> None:
        self.reporter.on_event(event)

    def _decide(self, call: sip.IncomingCall) -> sip.Route:
        return self.inbound.decide(call)

    def _on_sip(self, event: sip.Event) -> None:
        if isinstance(event, sip.IncomingCall):
            self.inbound.take(event)
        elif isinstance(event, sip.RegistrationChanged):
            self.registrations.on_change(event)
        else:
            self.lines.on_event(event)

    def _post(self, call: str, what: Input | AnyBody) -> None:
        self.runner.post(call, what)

    def _forget(self, leg: Leg) -> None:
        self.lines.forget(leg)
        self.reports.meter.call(leg)
        self.insights.hung_up(leg)
