// Why a batch failed, in two sentences: what failed first by itself and how, and what came of it.
import { Link, useNavigate } from "@tanstack/react-router";
import { CornerDownLeft } from "lucide-react";
import { useEffect } from "react";
import type { Batch } from "../../../sdk/client.ts";
import type { BatchStore } from "../../data/batch-store.ts";
import { countText } from "../../data/format.ts";
import { Shape } from "../../parts/state.tsx";
import { Time } from "../../parts/time.tsx";
import { isTyping } from "../../shell/keys.ts";

export function Why({ batch, store }: { readonly batch: Batch; readonly store: BatchStore }) {
  const first = batch.first_failure;
  const navigate = useNavigate();
  const id = first?.task_id;
  useEffect(() => {
    if (id === undefined) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || isTyping(event.target) || event.target !== document.body) return;
      void navigate({ to: "/tasks/$id/{-$tab}", params: { id, tab: undefined } });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [id, navigate]);
  if (first === null || id === undefined) return null;
  const attempts = (store.attempt[store.place(id)] ?? 0) + 1;
  const { success, canceled, skipped } = batch.status_counts;
  return (
    <section className="note fail" aria-label="Why it failed">
      <Shape state="Failure" />
      <div>
        <p>
          <strong>{first.name}</strong> failed at <Time at={first.at} />
          {attempts > 1 && `, in the last of ${attempts} attempts`}: <code>{first.reason}</code>
        </p>
        <p className="soft">
          {first.followed > 0 && `${countText(first.followed, "task")} failed because of it. `}
          {skipped + canceled > 0 && `${countText(skipped + canceled, "task was", "tasks were")} skipped or canceled. `}
          {success > 0 && `${countText(success, "task")} did not need it and succeeded.`}
        </p>
      </div>
      <Link className="btn" to="/tasks/$id/{-$tab}" params={{ id, tab: undefined }}>
        Open the task{" "}
        <kbd className="hide-phone">
          <CornerDownLeft size={12} aria-label="Enter" />
        </kbd>
      </Link>
    </section>
  );
}
