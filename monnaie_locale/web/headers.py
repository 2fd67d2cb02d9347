"""The security headers of every answer, in one place."""

from http import HTTPStatus

from flask import Flask, Response, current_app, g, request

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "manifest-src": "'self'",
}
# The decoder is WebAssembly and the camera's picture is a media stream: only the page that scans is given both.
SCANNER_ADDITIONS = {
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "media-src": "'self' blob: mediastream:",
}
STATIC_MAX_AGE_S = 31_536_000
HSTS_MAX_AGE_S = 31_536_000
HTTPS = "web.https"


def init_app(app: Flask, *, https: bool) -> None:
    """Put the headers on every answer of `app`.

    Args:
        app: the application.
        https: whether people reach it by https, so that browsers may be told to insist on it.

    """
    app.extensions[HTTPS] = https
    app.after_request(_add_headers)


def use_camera() -> None:
    """Let the page that answers this request open the camera and run the decoder."""
    g.uses_camera = True


def _add_headers(response: Response) -> Response:
    if response.status_code != HTTPStatus.NOT_MODIFIED:
        _add_policies(response)
    if _is_static() and response.status_code in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
        # An asset's address carries the digest of its content, or its version, so that it is asked for only once.
        versioned = "v" in request.args or "/vendor/" in request.path
        response.headers["Cache-Control"] = (
            f"public, max-age={STATIC_MAX_AGE_S}, immutable" if versioned else "no-cache"
        )
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _add_policies(response: Response) -> None:
    """Put them on an answer that has a content; a 304 renews one that has them already (RFC 9110, 15.4.5)."""
    uses_camera = g.get("uses_camera", False)
    policy = CONTENT_SECURITY_POLICY | (SCANNER_ADDITIONS if uses_camera else {})
    headers = response.headers
    headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
    headers["Permissions-Policy"] = f"camera={'(self)' if uses_camera else '()'}, geolocation=(), microphone=()"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if current_app.extensions[HTTPS]:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_MAX_AGE_S}"


def _is_static() -> bool:
    return (request.endpoint or "").rpartition(".")[2] == "static"
