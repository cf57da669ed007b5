"""The site: all screens as one ASGI application with sign-in, sessions, static files, live news and designed errors.

Pages run in four threads of their own, because the calls below them are plain functions. A form is answered only with
the session's token and from our own origin. It holds no rule of the domain.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import structs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Forbidden, Internal, MethodNotAllowed, NoRoute, Unauthenticated, YardError
from modelyard.ui.kit import assets, environment, finding
from modelyard.ui.kit.answers import HEADERS, SESSION, Answers, ask_of, form_of, said_of, takes_packed, wants_json
from modelyard.ui.kit.calls import POINTS, Door, PageCalls
from modelyard.ui.kit.frame import Frame, Vitals
from modelyard.ui.kit.pages import Count, Doer, Done, Feeder, Framer, PageRoute, Screens, Streamer, Told
from modelyard.ui.kit.trouble import EntranceData, trouble_page

T = TypeVar("T")
_LOG = logging.getLogger("modelyard.ui")


class Site:
    """Answers browsers; `vitals` tells the line under the navigation."""

    def __init__(
        self, screens: Sequence[Screens], *, door: Door, clock: Clock, yard: str, vitals: Callable[[], Vitals]
    ) -> None:
        self._screens = (*screens, finding.screens(screens))
        self._door, self._clock, self._yard, self._vitals = door, clock, yard, vitals
        self._answers = Answers(assets.load(), clock)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="yard-page")

    def routes(self) -> list[Route]:
        """All addresses: pages and their twins, forms, feeds, sign-in, static files, live news."""
        routes = [
            Route("/static/{mark}/{name:path}", self._static),
            Route("/favicon.ico", self._favicon),
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Route("/live", self._live),
        ]
        for screens in self._screens:
            routes += [Route(path, self._feed(feed), methods=["GET"]) for path, feed in screens.feeds]
            routes += [Route(path, self._framed(frame), methods=["GET"]) for path, frame in screens.frames]
            routes += [Route(path, self._stream(stream), methods=["GET"]) for path, stream in screens.streams]
            routes += [Route(path, self._form(do), methods=["POST"]) for path, do in screens.forms]
            for page in screens.pages:
                twin = "/home.json" if page.path == "/" else page.path + ".json"
                routes += [
                    Route(twin, self._page(page), methods=["GET"]),
                    Route(page.path, self._page(page), methods=["GET"]),
                ]
        return sorted(routes, key=lambda route: "{" in route.path.rpartition("/")[2])

    def app(self) -> Starlette:
        """The application; unknown addresses get the designed page too."""
        return Starlette(routes=self.routes(), exception_handlers={HTTPException: self._stray})

    async def missing(self, request: Request) -> Response:
        """What answers an address that nobody knows; for an edge that mounts the routes among its own."""
        return await self._trouble(
            request, NoRoute(f"nothing lives at {request.url.path[:200]}; press Ctrl K to find things")
        )

    # --- the ways in -------------------------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _calls(self, request: Request) -> PageCalls:
        return await self._run(self._entrance(request))

    def _entrance(self, request: Request) -> Callable[[], PageCalls]:
        """What lets the asker in; to be called where plain functions run, best together with what follows."""
        secret = request.cookies.get(SESSION)
        bearer = request.headers.get("authorization", "").partition("Bearer ")[2] or None

        def enter() -> PageCalls:
            calls = self._door.enter(secret, bearer)
            if calls is None:
                raise Unauthenticated("sign in to see this page: `yard up` prints a link, `yard env` a token")
            return calls

        return enter

    def _page(self, route: PageRoute) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            began = self._clock.monotonic()
            try:
                enter, ask = self._entrance(request), ask_of(request, self._clock)
                said, twin = said_of(request), wants_json(request)

                def work() -> Response:
                    calls = enter()
                    page = route.make(calls, ask)
                    if isinstance(page, Done):
                        return self._answers.done(page)
                    if twin:
                        return self._answers.data(page.data, page.status, packs=takes_packed(request))
                    frame = self._frame(calls, said)
                    return self._answers.page(
                        page, route.template, ask=ask, frame=frame, nav=route.nav, began=began, run=self._run
                    )

                return await self._run(work)
            except YardError as error:
                return await self._trouble(request, error)
            except Exception:  # noqa: BLE001 - the outermost edge of a page: the log keeps the trace
                _LOG.exception("page %s failed", route.path)
                return await self._trouble(
                    request, Internal("the page could not be made; the log of the yard tells why")
                )

        return answer

    def _feed(self, feed: Feeder) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            try:
                enter, ask = self._entrance(request), ask_of(request, self._clock)
                packs = takes_packed(request)
                return await self._run(lambda: self._answers.data(feed(enter(), ask), packs=packs))
            except YardError as error:
                return self._answers.problem(error)

        return answer

    def _framed(self, frame: Framer) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            try:
                calls, ask = await self._calls(request), ask_of(request, self._clock)
                return await self._run(lambda: self._answers.framed(frame(calls, ask)))
            except YardError as error:
                return self._answers.problem(error)

        return answer

    def _stream(self, stream: Streamer) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            try:
                calls, ask = await self._calls(request), ask_of(request, self._clock)
                if last := request.headers.get("last-event-id", ""):
                    ask = structs.replace(ask, query={**ask.query, "last": (last,)})
                told = stream(calls, ask, self._door.news(calls))
                first = await anext(told, None)  # what cannot be told is refused before the stream begins
            except YardError as error:
                return self._answers.problem(error)
            return self._answers.stream(told, first)

        return answer

    def _form(self, do: Doer) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            try:
                calls, form = await self._calls(request), await form_of(request)
                self._check_origin(request)
                if not hmac.compare_digest(form.get("csrf", "").encode(), calls.csrf_token.encode()):
                    raise Forbidden("the form is older than your session; reload the page and send it again")
                ask = ask_of(request, self._clock, form)
                return self._answers.done(await self._run(lambda: do(calls, ask)))
            except YardError as error:
                return await self._trouble(request, error)

        return answer

    @staticmethod
    def _check_origin(request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise Forbidden("the form was sent from another site; nothing was changed")

    # --- frame and errors --------------------------------------------------------------------------------------------

    def _frame(self, calls: PageCalls, said: Done | None = None) -> Frame:
        counts: dict[str, Count] = {}
        for screens in self._screens:
            for nav, count in screens.counts.items():
                try:
                    found = count(calls)
                except YardError:
                    continue  # whoever may not see a list sees no number for it either
                if found is not None:
                    counts[nav] = found
        return Frame(self._yard, calls.actor_name, calls.roles, calls.csrf_token, counts, self._vitals(), said)

    async def _trouble(self, request: Request, error: YardError) -> Response:
        reads_html = "text/html" in request.headers.get("accept", "")
        if wants_json(request) or (error.status == 401 and not reads_html):
            return self._answers.problem(error)
        if error.status == 401:
            back = request.url.path + ("?" + request.url.query if request.url.query else "")
            to = "/sign-in" if back == "/" else "/sign-in?to=" + quote(back, safe="")
            return RedirectResponse(to, 303, {**HEADERS, "cache-control": "no-store"})
        began, ask = self._clock.monotonic(), ask_of(request, self._clock)
        page = trouble_page(error, asked=f"{request.method} {request.url.path}"[:300])
        try:
            calls = await self._calls(request)
        except Unauthenticated:
            html = environment.render(self._answers.env, "kit/alone.html", ask, page=page, data=page.data)
            return self._answers.html(html, page.status)
        frame = await self._run(lambda: self._frame(calls))
        return self._answers.page(page, "kit/trouble.html", ask=ask, frame=frame, nav="", began=began, run=self._run)

    async def _stray(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            return await self._trouble(
                request, MethodNotAllowed("this address takes another verb; nothing was changed")
            )
        return await self.missing(request)

    # --- sign-in, static, live ---------------------------------------------------------------------------------------

    async def _sign_in(self, request: Request) -> Response:
        ask = ask_of(request, self._clock)
        to = _home_only(ask.text("to"))
        fault = ""
        if request.method == "POST":
            try:
                form = await form_of(request)
                self._check_origin(request)
            except YardError as error:
                return await self._trouble(request, error)
            code, token, to = form.get("code", ""), form.get("token", "").strip(), _home_only(form.get("to", ""))
            session = await self._run(lambda: self._door.admit(code or token, one_time=bool(code)))
            if session is not None:
                response = RedirectResponse(to, 303, {**HEADERS, "cache-control": "no-store"})
                secure = request.url.scheme == "https"
                response.set_cookie(
                    SESSION,
                    session.secret,
                    max_age=session.seconds,
                    path="/",
                    httponly=True,
                    samesite="lax",
                    secure=secure,
                )
                return response
            fault = (
                "This link was used or has expired. Ask for a new one: yard sign-in"
                if code
                else "No such token. See yours with: yard env"
            )
        data = EntranceData(code="" if fault else ask.text("code"), to=to, fault=fault)
        html = environment.render(self._answers.env, "kit/entrance.html", ask, data=data, yard=self._yard)
        return self._answers.html(html, 401 if fault else 200)

    async def _sign_out(self, request: Request) -> Response:
        async def leave() -> Response:
            calls, form = await self._calls(request), await form_of(request)
            self._check_origin(request)
            if not hmac.compare_digest(form.get("csrf", "").encode(), calls.csrf_token.encode()):
                raise Forbidden("the form is older than your session; reload the page and send it again")
            secret = request.cookies.get(SESSION, "")
            await self._run(lambda: self._door.dismiss(secret))
            response = RedirectResponse("/sign-in", 303, {**HEADERS, "cache-control": "no-store"})
            response.delete_cookie(SESSION, path="/")
            return response

        try:
            return await leave()
        except YardError as error:
            return await self._trouble(request, error)

    async def _static(self, request: Request) -> Response:
        asset = self._answers.assets.files.get(request.path_params["name"])
        if asset is None:
            return self._answers.problem(NoRoute("no such file of the screens"))
        fresh = request.path_params["mark"] == self._answers.assets.mark
        caching = "public, max-age=31536000, immutable" if fresh else "no-cache"
        headers = {**HEADERS, "cache-control": caching, "vary": "accept-encoding"}
        if asset.packed and takes_packed(request):
            return Response(asset.packed, 200, {**headers, "content-encoding": "gzip"}, asset.media)
        return Response(asset.body, 200, headers, asset.media)

    async def _favicon(self, _request: Request) -> Response:
        return RedirectResponse(self._answers.assets.url("icon.svg"), 302, HEADERS)

    async def _live(self, request: Request) -> Response:
        try:
            calls = await self._calls(request)
        except YardError as error:
            return self._answers.problem(error)

        async def lines() -> AsyncIterator[Told | None]:
            yield Told(b"{}", kind="open")
            async for news in self._door.news(calls):
                kind = "points" if news is not None and news.topics == POINTS else "news"
                yield None if news is None else Told(msgspec.json.encode(news), kind=kind)

        return self._answers.stream(lines())


def _home_only(to: str) -> str:
    """Only an address of this site, so that a sign-in link cannot send a reader elsewhere."""
    split = urlsplit(to)
    own = to.startswith("/") and not to.startswith("//") and "\\" not in to and not split.netloc and to.isprintable()
    return to if own else "/"
