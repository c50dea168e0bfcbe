"""The service side of Baton in Python, on the standard library alone (3.9 and later). Copy it beside your service.

    import baton

    def work(task):
        for row in task.body["rows"]:
            task.check()                     # raises Over once the task is canceled, timed out, or run by another attempt
            task.progress(1)
        return {"rows": len(task.body["rows"])}

    baton.serve(work, baton="https://baton.example.com", secrets=["whsec_..."], ledger=baton.FileLedger("keys.txt"))

What `work` returns is the result of its task, what it raises fails it. Each call is done once by the ledger of keys.
"""
import base64, hashlib, hmac, json, re, sys, threading, time
import urllib.error, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECS = 300
REPORT_SECS = 600
BODY_BYTES_MAX = 4 * 2**20
WARNING_SECS = 10


class Over(Exception):
    """The task has ended without this process: canceled, timed out, or run by another attempt."""


def verify(secrets, headers, body):
    """The key of a call that Baton made in the last five minutes; None for any other. `body`: the bytes as they came."""
    return None if fault(secrets, headers, body) else headers["webhook-id"]


def fault(secrets, headers, body):
    """What is wrong with a call that Baton did not make in the last five minutes; None for one that it did."""
    names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
    key, at, signatures = (headers.get(name) or "" for name in names)
    if not (key or at or signatures):
        return "unsigned: does Baton have WEBHOOK_SIGNING_SECRET?"
    for name, value in zip(names, (key, at, signatures)):
        if not value:
            return f"the header {name} is missing"
    if not re.fullmatch(r"[0-9]{1,12}", at) or abs(time.time() - int(at)) > TOLERANCE_SECS:
        return "the call is over five minutes old, or from the future"
    signed = f"{key}.{at}.".encode() + body
    sent = [one.encode() for one in signatures.split(" ")[:10]]
    for secret in secrets:
        digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
        if any(hmac.compare_digest(b"v1," + base64.b64encode(digest), one) for one in sent):
            return None
    return "no signature fits"


def warnings():
    """An `on_refused` that writes a line on stderr, at most one in ten seconds: strangers cannot fill a log."""
    lock, last, unwritten = threading.Lock(), -WARNING_SECS, 0

    def warn(reason, path, key):
        nonlocal last, unwritten
        with lock:
            if time.monotonic() - last < WARNING_SECS:
                unwritten += 1
                return
            before = f" (and {unwritten} more since the last such line)" if unwritten else ""
            last, unwritten = time.monotonic(), 0
        print(f"baton.py: refused a call to {path}: {reason}{before}", file=sys.stderr, flush=True)

    return warn


def say(error, task):
    print(f"baton.py: task {task.task_id}: {error}", file=sys.stderr, flush=True)


class FileLedger:
    """Keys of calls that have come, in a file that outlives the process. Where several processes serve, use a table."""

    def __init__(self, path):
        self.lock, self.path = threading.Lock(), path
        with open(path, "a+") as file:
            file.seek(0)
            self.keys = set(file.read().split())

    def take(self, key):
        """True: the key was not there, and the call is to be worked on."""
        with self.lock:
            if key in self.keys:
                return False
            with open(self.path, "a") as file:
                file.write(f"{key}\n")
            self.keys.add(key)
            return True


class Task:
    """One task at work, and what is said of it. `signal` is set once it is over for this process."""

    def __init__(self, key, task_id, attempt, handle, body, inputs, path):
        self.key, self.task_id, self.attempt, self.handle = key, task_id, attempt, handle
        self.body, self.inputs, self.path = body, inputs, path
        self.signal, self.has_ended, self.counted = threading.Event(), False, 0

    def check(self):
        if self.signal.is_set():
            raise Over(self.task_id)

    def sleep(self, secs):
        """Waits; raises Over at once when the task is over."""
        self.signal.wait(secs)
        self.check()

    def heartbeat(self):
        self._send("PUT", {}, None, 0)

    def progress(self, succeeded, failed=0):
        self.counted += 1
        self._send("PUT", {"new_success": succeeded, "new_failures": failed}, f"{self.key}:progress:{self.counted}")

    def succeed(self, result=None):
        self._end({"status": "Success", **({} if result is None else {"result": result})})

    def fail(self, reason):
        self._end({"status": "Failure", "failure_reason": reason[:1000] or "failed"})

    def skip(self, reason=None):
        self._end({"status": "Skipped", **({} if reason is None else {"failure_reason": reason[:1000]})})

    def _end(self, change):
        if self.has_ended:
            return
        self.has_ended = True
        try:
            self._send("PATCH", change, f"{self.key}:report")
        except urllib.error.HTTPError as error:
            # A result that Baton cannot keep is a failure that says so.
            if change["status"] != "Success" or error.code not in (400, 413):
                raise
            self._send("PATCH", {"status": "Failure", "failure_reason": "the result was refused"}, f"{self.key}:refused")

    def _send(self, method, fields, key, secs=REPORT_SECS):
        """Sends until Baton answers, for ten minutes."""
        headers = {"content-type": "application/json", **({"idempotency-key": key} if key else {})}
        end, pause = time.monotonic() + secs, 0.2
        while True:
            request = urllib.request.Request(self.handle, json.dumps(fields).encode(), headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=15) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                if error.code in (404, 409):
                    self.signal.set()
                    raise Over(self.task_id) from error
                if error.code not in (429, 502, 503, 504) or time.monotonic() + pause > end:
                    raise
            except OSError:
                if time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(pause * 2, 5)


class Service:
    """Takes calls: `take(headers, path, body)` gives the HTTP status to answer. `serve` puts it behind a server.

    `on_refused(reason, path, key)` hears of each call that is refused (401, 400): nothing of it is proven.
    `on_error(error, task)` hears of what `work` raised, and of reports that Baton did not take, such as those that it answers 401.
    Each writes on stderr where it is left out.
    """

    def __init__(self, work, baton, secrets, ledger, heartbeat_secs=15, on_notice=lambda trigger, body: None,
                 on_refused=None, on_error=say):
        self.work, self.baton, self.secrets, self.ledger = work, baton.rstrip("/"), secrets, ledger
        self.heartbeat_secs, self.on_notice, self.running = heartbeat_secs, on_notice, {}
        self.on_refused, self.on_error = on_refused or warnings(), on_error

    def take(self, headers, path, body):
        wrong = fault(self.secrets, headers, body)
        if wrong:
            return self._refuse(401, wrong, headers, path)
        key = headers["webhook-id"]
        try:
            read = json.loads(body) if body else {}
        except ValueError:
            return self._refuse(400, "the body is no JSON", headers, path)
        found = re.fullmatch(r"([0-9a-f-]{36}):(start|cancel)(?::(\d+))?(?:#\d+)?", key)
        if found is None or found[2] == "cancel":
            return self._tell(key, found, read)
        task_id, attempt = found[1], int(found[3] or 0)
        added = read.pop("baton", {}) if isinstance(read, dict) else {}
        url = urllib.parse.urlsplit(path)
        handle = added.get("handle") or urllib.parse.parse_qs(url.query).get("handle", [""])[0]
        # The URL is not signed: a handle counts if it leads to this task at our own Baton.
        if handle.split("?")[0] != f"{self.baton}/task/{task_id}":
            reason = f"the handle is not one of task {task_id} at {self.baton}: is that Baton's HOST_URL?"
            return self._refuse(401, reason, headers, path)
        if self.ledger.take(key):
            task = Task(key, task_id, attempt, handle, read, added.get("inputs", {}), url.path)
            threading.Thread(target=self._run, args=(task,), daemon=True).start()
        return 202

    def _refuse(self, status, reason, headers, path):
        """A log that fails changes no answer."""
        try:
            key = headers.get("idempotency-key") or ""
            self.on_refused(reason=reason, path=urllib.parse.urlsplit(path).path[:200], key=key[:200])
        except Exception:
            pass
        return status

    def _tell(self, key, cancel, body):
        """A notice is written down only when its function has ended well: Baton repeats it until then."""
        if cancel and (task := self.running.get((cancel[1], int(cancel[3] or 0)))):
            task.signal.set()
        try:
            self.on_notice("cancel" if cancel else "end", body)
        except Exception:
            return 500
        return 200

    def _run(self, task):
        self.running[task.task_id, task.attempt] = task
        threading.Thread(target=self._beat, args=(task,), daemon=True).start()
        try:
            self._perform(task)
        except Over:
            pass
        except Exception as error:
            self.on_error(error, task)
        finally:
            task.has_ended = True
            task.signal.set()
            self.running.pop((task.task_id, task.attempt), None)

    def _perform(self, task):
        """Raises what kept a report from Baton."""
        try:
            result = self.work(task)
            task.check()
        except Over:
            raise
        except Exception as error:
            # A work that fails because its task is over has nothing to say.
            if not task.signal.is_set():
                try:
                    self.on_error(error, task)
                finally:
                    task.fail(str(error))
            return
        task.succeed(result)

    def _beat(self, task):
        while not task.signal.wait(self.heartbeat_secs) and not task.has_ended:
            try:
                task.heartbeat()
            except (Over, OSError):
                # The next one comes soon.
                pass


def serve(work, port=8000, host="127.0.0.1", **options):
    """Serves until it is interrupted. The options are those of `Service`."""
    service = Service(work, **options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            size = int(self.headers.get("content-length", 0))
            status = 413 if size > BODY_BYTES_MAX else service.take(self.headers, self.path, self.rfile.read(size))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    print(f"listens on {server.server_port}", flush=True)
    server.serve_forever()
