"""The server of moto, one request at a time. By itself it looks first and writes afterwards: two requests at a time may
both create an object that must be created once, which a shard on it finds at its start, or does not find.

    python moto_server.py -H 127.0.0.1 -p 5000
"""

import io
import threading

import moto.server

LOCK = threading.Lock()


class OneAtATime(moto.server.DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        # Outside of the lock: who sends it may stand still in the middle.
        length = environ.get("CONTENT_LENGTH")
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
        with LOCK:
            return super().__call__(environ, start_response)


if __name__ == "__main__":
    moto.server.DomainDispatcherApplication = OneAtATime
    moto.server.main()
