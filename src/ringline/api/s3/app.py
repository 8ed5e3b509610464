"""The S3 API as an ASGI application: who asks, what for, and every failure as S3's XML."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response
from starlette.datastructures import URLPath
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Message, Receive, Scope, Send

from ringline.api.auth import Authenticator
from ringline.api.limits import Limits
from ringline.api.ports import ApiDeps
from ringline.api.s3 import bucket_operations, object_operations, upload_operations
from ringline.api.s3.call import Call
from ringline.core import log
from ringline.core.errors import RinglineError
from ringline.storage.objects import StorageUnavailable
from ringline.storage.s3 import answers, auth
from ringline.storage.s3.auth import BadToken, Grant, Token
from ringline.storage.s3.errors import S3Error
from ringline.storage.s3.request import Operation, Target, operation_of, parse_target
from ringline.store import bucket_uploads, buckets
from ringline.store.bucket_traffic import Tally
from ringline.store.errors import StoreUnavailable

PREFIX = "/s3"
"""Where clients point their `endpoint_url`."""

ACCOUNT_PER_S = 500
BUCKET_PER_S = 200
"""Requests of an account and to one bucket (spec ai-api §12)."""

Handler = Callable[[Call], Awaitable[Response]]

HANDLERS: dict[Operation, Handler] = {
    Operation.LIST_BUCKETS: bucket_operations.list_buckets,
    Operation.CREATE_BUCKET: bucket_operations.create_bucket,
    Operation.HEAD_BUCKET: bucket_operations.head_bucket,
    Operation.DELETE_BUCKET: bucket_operations.delete_bucket,
    Operation.GET_BUCKET_LOCATION: bucket_operations.get_bucket_location,
    Operation.LIST_OBJECTS: bucket_operations.list_objects,
    Operation.LIST_OBJECTS_V2: bucket_operations.list_objects_v2,
    Operation.DELETE_OBJECTS: object_operations.delete_objects,
    Operation.PUT_OBJECT: object_operations.put_object,
    Operation.GET_OBJECT: object_operations.get_object,
    Operation.HEAD_OBJECT: object_operations.get_object,
    Operation.DELETE_OBJECT: object_operations.delete_object,
    Operation.CREATE_MULTIPART_UPLOAD: upload_operations.create_multipart_upload,
    Operation.UPLOAD_PART: upload_operations.upload_part,
    Operation.COMPLETE_MULTIPART_UPLOAD: upload_operations.complete_multipart_upload,
    Operation.ABORT_MULTIPART_UPLOAD: upload_operations.abort_multipart_upload,
    Operation.LIST_PARTS: upload_operations.list_parts,
    Operation.LIST_MULTIPART_UPLOADS: upload_operations.list_multipart_uploads,
}

GRANTED = frozenset({Operation.GET_OBJECT, Operation.HEAD_OBJECT, Operation.PUT_OBJECT})
"""What a presigned token permits."""

FAILURES: dict[type[RinglineError], tuple[str, str]] = {
    buckets.NoSuchBucket: ("NoSuchBucket", "The specified bucket does not exist."),
    buckets.NoSuchObject: ("NoSuchKey", "The specified key does not exist."),
    buckets.BucketExists: (
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    buckets.BucketNotEmpty: ("BucketNotEmpty", "The bucket you tried to delete is not empty."),
    buckets.TooManyBuckets: (
        "TooManyBuckets",
        "You have attempted to create more buckets than allowed.",
    ),
    bucket_uploads.NoSuchUpload: ("NoSuchUpload", "The specified multipart upload does not exist."),
    bucket_uploads.NoSuchPart: (
        "InvalidPart",
        "One or more of the specified parts could not be found, or its entity tag does not match.",
    ),
    bucket_uploads.PartTooSmall: ("EntityTooSmall", "A part that is not the last is smaller than 5 MiB."),
    bucket_uploads.ObjectTooLarge: ("EntityTooLarge", "The object would be larger than 5 TiB."),
    StoreUnavailable: ("ServiceUnavailable", "Please try again later."),
    StorageUnavailable: ("ServiceUnavailable", "Please try again later."),
}

logger = log.get("s3")


class S3Route(BaseRoute):
    """Everything under `PREFIX`. Not a `Mount`: its pattern stops at a newline, and keys may have one."""

    def __init__(self, deps: ApiDeps) -> None:
        self.path = PREFIX
        self._deps = deps
        self._authenticator = Authenticator(deps.store, deps.clock)
        self._accounts = Limits(60 * ACCOUNT_PER_S, deps.clock)
        self._buckets = Limits(60 * BUCKET_PER_S, deps.clock)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for S3."""
        ours = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PREFIX}/")
        return (Match.FULL, {"route": self}) if ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """There are no names to be found here."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = self._deps.ids.uuid()
        counted = _Counted(receive)
        call = None
        try:
            call = await self._call(scope, counted)
            response = await HANDLERS[call.operation](call)
        except ClientDisconnect:
            return
        except Exception as error:
            # The true edge of this protocol: whatever it is, the client is told in its own language.
            response = _refusal(error, scope, request_id)
        response.headers["x-amz-request-id"] = request_id
        if not counted.begun and any(name == b"expect" for name, _ in scope["headers"]):
            # Who waits for 100 (Continue) and is refused sends no body (RFC 9110 §10.1.1): the server, which
            # still expects one, would take the next request for it.
            response.headers["connection"] = "close"
        await response(scope, receive, send)
        if call is not None and call.bucket:
            sent = 0 if scope["method"] == "HEAD" else int(response.headers.get("content-length", 0))
            tally = Tally(1, int(response.status_code < 400), sent, counted.size)
            await self._deps.buckets.traffic.note(call.account_id, call.bucket, call.operation, tally)

    async def _call(self, scope: Scope, receive: Receive) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        target = parse_target(_path(scope), scope["query_string"])
        asked = auth.claimed(headers, target.query, self._deps.clock.utc())
        if isinstance(asked, Token):
            grant = self._granted(asked, target)
            account_id = grant.account_id
        else:
            grant = None
            account_id = await self._account_of(asked.key, scope)
        self._admit(account_id, target.bucket)
        operation = operation_of(scope["method"], target, headers)
        if grant is not None and operation not in GRANTED:
            raise S3Error("AccessDenied", "The token does not permit this.")
        return Call(
            account_id,
            operation,
            target,
            headers,
            f"{scope['scheme']}://{headers.get('host', '')}{_raw_path(scope)}",
            self._deps.buckets,
            receive,
        )

    def _granted(self, token: Token, target: Target) -> Grant:
        try:
            grant = auth.unseal(self._deps.link_secret, token.text, self._deps.clock.utc())
        except BadToken as reason:
            raise S3Error("AccessDenied", f"Access denied: {reason}.") from reason
        if (grant.bucket, grant.key) != (target.bucket, target.key):
            raise S3Error("AccessDenied", "The token is for another object.")
        return grant

    async def _account_of(self, key: str, scope: Scope) -> str:
        header = b"Bearer " + key.encode()
        account = self._authenticator.remembered(header)
        client = scope.get("client")
        address = f"address {client[0]}" if client else "no address"
        if account is None:
            # Guesses are looked up only as often as their address may ask at all.
            if not self._authenticator.has_known(header) and not self._accounts.take(address).allowed:
                raise _slow_down()
            account = await self._authenticator.account_of(header)
        if account is None:
            raise S3Error(
                "InvalidAccessKeyId", "The access key Id you provided does not exist in our records."
            )
        return account

    def _admit(self, account_id: str, bucket: str) -> None:
        allowed = self._accounts.take(account_id).allowed
        if not allowed or (bucket and not self._buckets.take(f"{account_id}/{bucket}").allowed):
            raise _slow_down()


class _Counted:
    """A body on its way in, and how long it is."""

    def __init__(self, receive: Receive) -> None:
        self.size = 0
        self.begun = False
        self._receive = receive

    async def __call__(self) -> Message:
        self.begun = True
        message = await self._receive()
        self.size += len(message.get("body", b""))
        return message


def _slow_down() -> S3Error:
    return S3Error("SlowDown", "Please reduce your request rate.")


def _raw_path(scope: Scope) -> str:
    """The path as it was sent: decoded, not every key could be told from another, or stand in XML."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.decode("latin-1")


def _path(scope: Scope) -> bytes:
    path = _raw_path(scope)
    if not path.startswith(PREFIX):
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.")
    return path.removeprefix(PREFIX).encode("latin-1")


def _refusal(error: Exception, scope: Scope, request_id: str) -> Response:
    failure = _failure(error)
    if failure is None:
        logger.error(
            "request failed",
            request_id=request_id,
            method=scope["method"],
            path=scope["path"],
            exc_info=error,
        )
        failure = S3Error("InternalError", "We encountered an internal error. Please try again.")
    is_head = scope["method"] == "HEAD"
    body = b"" if is_head else answers.error(failure, _raw_path(scope), request_id)
    return Response(body, failure.status, media_type=answers.CONTENT_TYPE)


def _failure(error: Exception) -> S3Error | None:
    if isinstance(error, S3Error):
        return error
    return next((S3Error(*said) for kind, said in FAILURES.items() if isinstance(error, kind)), None)
