// What can be done with a schedule: make a batch now, hold it, let it go on, delete it.
import { useNavigate } from "@tanstack/react-router";
import { Pause, Play, Trash2, Zap } from "lucide-react";
import type { Schedule } from "../../../sdk/client.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import type { Act } from "../../parts/act.tsx";
import { ActMenu } from "../../parts/menu.tsx";
import { say } from "../../parts/toast.tsx";

const again = async (): Promise<void> => {
  await queries.invalidateQueries({ queryKey: ["schedule"] });
  await queries.invalidateQueries({ queryKey: ["listing", "/schedules"] });
};

export function ScheduleActs({ schedule, ask }: { readonly schedule: Schedule; readonly ask: (act: Act) => void }) {
  const navigate = useNavigate();
  const isAllowed = mayOperate(useStore(whoami));
  const { name, paused } = schedule;
  if (!isAllowed) return <span className="tag">Your token may look only</span>;
  const run: Act = {
    ...{ title: `Run ${name} now?`, verb: "Run now" },
    about: "It makes a batch at once, whatever overlaps and though it may be paused. Its times stay as they are.",
    run: async () => {
      const { batchId } = await baton().runSchedule(name);
      await again();
      await navigate({ to: "/batches/$id/{-$tab}", params: { id: batchId, tab: undefined }, search: {} });
    },
  };
  const hold: Act = {
    ...{ title: `Pause ${name}?`, verb: "Pause" },
    about: "No time makes a batch until somebody resumes it. Its batches go on. Times that pass are not made up.",
    run: async () => {
      await baton().pauseSchedule(name);
      say(`Paused ${name}.`);
      await again();
    },
  };
  const go: Act = {
    ...{ title: `Resume ${name}?`, verb: "Resume", about: "It goes on from its next time." },
    run: async () => {
      await baton().resumeSchedule(name);
      say(`Resumed ${name}.`);
      await again();
    },
  };
  const remove: Act = {
    ...{ title: `Delete ${name}?`, verb: "Delete the schedule", isDangerous: true },
    about: "It makes no more batches; those that it made go on. This cannot be undone.",
    run: async () => {
      await baton().deleteSchedule(name);
      await navigate({ to: "/schedules" });
      say(`Deleted ${name}.`);
      queries.removeQueries({ queryKey: ["schedule", name] });
    },
  };
  return (
    <div className="row wrap">
      <button type="button" className={paused ? "btn" : "btn first"} onClick={() => ask(run)}>
        <Zap size={14} aria-hidden="true" /> Run now
      </button>
      {paused ? (
        <button type="button" className="btn first" onClick={() => ask(go)}>
          <Play size={14} aria-hidden="true" /> Resume
        </button>
      ) : (
        <button type="button" className="btn" onClick={() => ask(hold)}>
          <Pause size={14} aria-hidden="true" /> Pause
        </button>
      )}
      <ActMenu
        label="More actions of the schedule"
        items={[{ label: "Delete…", icon: <Trash2 size={14} />, run: () => ask(remove) }]}
      >
        More
      </ActMenu>
    </div>
  );
}
