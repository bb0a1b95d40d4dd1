"""One session inside a web service, for any number of callers. Run: python examples/service.py RUN_DIRECTORY [PORT]

POST an article to /records, as JSON with `content` and perhaps `id`, `title` and `url`, and get its records back:

    curl http://127.0.0.1:8080/records --json '{"content": "..."}'

All callers share the limits, the budget and the prompt cache of the one session. An article that was there before costs
nothing, so a caller who hangs up, or is turned away, asks again later and gets what was made meanwhile. No records are
an answer too: of an article that is too short, or that no type applies to. SIGTERM and Ctrl-C let the requests finish
that are being worked on; those that take longer than a minute (`grace_s`) are told to come again.
"""

import asyncio
import signal
import sys

import anyio
from aiohttp import web

import qloragen

SESSION = web.AppKey("session", qloragen.Session)


async def records(request: web.Request) -> web.Response:
    """Answer with the records of one article; by and by, as other callers' articles leave room."""
    try:
        article = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="The body is not JSON.") from None
    if not isinstance(article, dict) or not isinstance(article.get("content"), str):
        raise web.HTTPBadRequest(text="An article is a JSON object with its text in `content`.")
    try:
        made = [record async for record in request.app[SESSION].stream([article])]
    except qloragen.QloragenError as reason:  # no key, no money, no provider: the session takes no more work
        raise web.HTTPServiceUnavailable(text=str(reason)) from reason
    return web.json_response(
        [{"instruction": one.instruction, "input": one.input, "output": one.output} for one in made]
    )


async def summary(request: web.Request) -> web.Response:
    """Answer with what the session has done and spent so far; with status 503 once it takes no more work, so that
    whoever looks after the service begins a new one."""
    session = request.app[SESSION]
    return web.Response(text=str(session.stopped or session.summary), status=503 if session.stopped else 200)


async def main(folder: str, port: int) -> None:
    async with qloragen.Session(folder) as session:
        app = web.Application()
        app[SESSION] = session
        app.add_routes([web.post("/records", records), web.get("/summary", summary)])
        grace_s = session.settings.grace_s
        runner = web.AppRunner(app, shutdown_timeout=grace_s)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                await anext(aiter(signals))
        finally:
            reason = qloragen.Interrupted("The service is ending; what was made is kept. Ask again later.")
            asyncio.get_running_loop().call_later(grace_s, session.stop, reason)
            await runner.cleanup()  # takes no more callers, and waits for those that are there


asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8080))
