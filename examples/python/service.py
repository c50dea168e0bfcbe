# service.py
import os

import baton


def work(task):
    words = task.body.get("words", [])
    for word in words:
        task.sleep(task.body.get("pause", 0) / 1000)
        print(f"{task.key} did {word}", flush=True)
        task.progress(1)
    return {"count": len(words)}


baton.serve(
    work,
    port=int(os.environ.get("PORT", "8000")),
    baton=os.environ.get("BATON_URL", "http://127.0.0.1:8085"),
    secrets=[os.environ["BATON_SECRET"]],
    ledger=baton.FileLedger("keys-python.txt"),
    heartbeat_secs=1,
)
