"""What the page's addresses do."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote

import jinja2
from fastapi import Body, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import avsynth
from avsynth.errors import AvsynthError, ConsentError, ResourceError
from avsynth.studio import records
from avsynth.studio.desk import AskedCheck, AskedDub, Desk
from avsynth.studio.dubbing import REPORT, RESULT, SHEET
from avsynth.studio.guard import UPLOADS, Door, Guard
from avsynth.studio.limits import megabytes
from avsynth.studio.scanning import LINES
from avsynth.studio.store import PLAYED
from avsynth.studio.told import told
from detectors.report.visible import visible

_TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".json": "application/json",
    ".jsonl": "application/jsonl", ".png": "image/png", ".jpg": "image/jpeg", ".mp4": "video/mp4",
}  # fmt: skip
# A report has a policy of its own inside, which allows its one style sheet by hash; this one says
# that it is nobody's page: no scripts, no forms, no cookies, framed by ours alone.
_REPORT_POLICY = {
    "content-security-policy": "sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
}
Id = Annotated[str, Body(embed=True)]


def make_app(desk: Desk, door: Door) -> Guard:
    """The page and all that it asks for, behind the guard."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    _errors(app)
    _pages(app, desk, door)
    _uploads(app, desk)
    _jobs(app, desk)
    _consent(app, desk)
    return Guard(app, door)


def _pages(app: FastAPI, desk: Desk, door: Door) -> None:
    folder = resources.files("avsynth.studio") / "page"
    static = {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if each.name.endswith((".css", ".js", ".svg"))
    }
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("avsynth.studio", "page"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    @app.get("/")
    def index(request: Request) -> Response:
        name = "index.html" if door.lets_in(request.headers) else "enter.html"
        values = {
            "version": avsynth.__version__,
            "largest": megabytes(desk.limits.file),
            "bytes": desk.limits.file,
        }
        return HTMLResponse(pages.get_template(name).render(values))

    @app.post("/enter")
    def enter(token: Id) -> Response:
        if not door.fits(token):
            return JSONResponse({"error": "this is not the token"}, 401)
        answer = JSONResponse({})
        answer.set_cookie(door.cookie, door.session, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/static/{name}")
    def page_part(name: str) -> Response:
        if name not in static:
            raise HTTPException(404)
        kind = "image/svg+xml" if name.endswith(".svg") else _TYPES[Path(name).suffix]
        return Response(static[name], media_type=kind)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return RedirectResponse("/static/mark.svg")


def _uploads(app: FastAPI, desk: Desk) -> None:
    @app.post(UPLOADS)
    async def upload(
        request: Request, x_file_name: Annotated[str, Header()] = "file"
    ) -> dict[str, Any]:
        desk.prepare()
        length = request.headers.get("content-length")
        name = unquote(x_file_name, errors="replace")
        kept = await desk.store.receive(name, int(length) if length else None, request.stream())
        return kept.as_dict()

    @app.delete(UPLOADS + "/{upload_id}")
    def drop(upload_id: str) -> dict[str, Any]:
        desk.store.drop(upload_id)
        return {}

    @app.get(UPLOADS + "/{upload_id}/play")
    def play(upload_id: str) -> Response:
        found = desk.store.get(upload_id)
        kind = PLAYED.get(found.path.suffix)
        if kind is None:
            raise HTTPException(404)
        return FileResponse(found.path, media_type=kind)

    @app.get(UPLOADS + "/{upload_id}/save")
    def save(upload_id: str) -> Response:
        found = desk.store.get(upload_id)
        return FileResponse(
            found.path, media_type="application/octet-stream", headers=_saved_as(found.name)
        )


def _jobs(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/dub")
    def dub(asked: AskedDub) -> dict[str, Any]:
        return desk.view(desk.dub(asked))

    @app.post("/api/faces")
    def faces(film: Id) -> dict[str, Any]:
        return desk.view(desk.faces(film))

    @app.post("/api/check")
    def check(asked: AskedCheck) -> dict[str, Any]:
        return desk.view(desk.check(asked))

    @app.post("/api/scan")
    def scan(files: Annotated[list[str], Body(embed=True)]) -> dict[str, Any]:
        return desk.view(desk.scan(files))

    @app.get("/api/jobs/{job_id}")
    def look(job_id: str) -> dict[str, Any]:
        return desk.view(desk.get(job_id))

    @app.post("/api/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, Any]:
        job = desk.get(job_id)
        desk.cancel(job)
        return desk.view(job)

    @app.delete("/api/jobs/{job_id}")
    def remove(job_id: str) -> dict[str, Any]:
        desk.remove(desk.get(job_id))
        return {}

    @app.get("/api/jobs/{job_id}/{name}")
    def file(job_id: str, name: str, save: bool = False) -> Response:
        job = desk.get(job_id)
        path = desk.file(job, name)
        headers = _saved_as(_called(job.order.names, name)) if save else {}
        if path.suffix == ".html":
            headers |= _REPORT_POLICY
        kind = (PLAYED | _TYPES).get(path.suffix)
        if kind is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=kind, headers=headers)


def _consent(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/key")
    def key() -> dict[str, Any]:
        return {"fingerprint": records.own_key()}

    @app.post("/api/records")
    def new(asked: records.NewRecord) -> dict[str, Any]:
        return records.read(records.make(asked, desk.store))

    @app.get("/api/records/{upload_id}")
    def read(upload_id: str) -> dict[str, Any]:
        return records.read(desk.store.get(upload_id))

    @app.post("/api/records/{upload_id}/sign")
    def sign(upload_id: str, my_word: Annotated[bool, Body(embed=True)]) -> dict[str, Any]:
        if not my_word:
            raise ConsentError("a record is signed only on the operator's word")
        return records.read(records.sign(desk.store.get(upload_id), desk.store))


def _errors(app: FastAPI) -> None:
    """Every failure is one line of JSON."""

    def line(status: int, text: str) -> Response:
        return JSONResponse({"error": text}, status)

    @app.exception_handler(AvsynthError)
    def ours(request: Request, error: AvsynthError) -> Response:
        return line(507 if isinstance(error, ResourceError) else 422, told(error))

    @app.exception_handler(RequestValidationError)
    def asked_wrongly(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = visible(str(first["loc"][-1]), 60) if first["loc"] else "the request"
        return line(422, f"{place}: {visible(first['msg'], 200).lower()}")

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> Response:
        nothing = error.status_code in (404, 405)
        said = "there is nothing here" if nothing else "the request cannot be read"
        return line(error.status_code, said)

    @app.exception_handler(ClientDisconnect)
    def gone(request: Request, error: ClientDisconnect) -> Response:
        return line(400, "the sender went away")

    @app.exception_handler(Exception)
    def ours_to_mend(request: Request, error: Exception) -> Response:
        return line(500, "internal error: see where the studio was started")


def _called(names: dict[str, str], name: str) -> str:
    """Under what name a result is saved: after the film, or the scanned file."""
    film = next((Path(given).stem for given in names.values()), "file")
    return {
        RESULT: f"{film}-dubbed.mp4", REPORT: f"{film}-dubbed.mp4.report.json",
        SHEET: f"{film}-before-after.png", LINES: LINES,
    }.get(name, name)  # fmt: skip


def _saved_as(name: str) -> dict[str, str]:
    """The header for a file that is saved under ``name``, whatever is in that name."""
    last = name.replace("\\", "/").rpartition("/")[2].strip(". ") or "file"
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(last, safe='')}"}
