// Messages that could not be worked on: why, what they said, and sending them again.
import type { DeadLetter } from "../../../sdk/client.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { errorText } from "../../parts/error-text.ts";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { Time } from "../../parts/time.tsx";
import { say } from "../../parts/toast.tsx";
import { usePage } from "../../shell/page.tsx";

const columns: readonly Column<DeadLetter>[] = [
  { head: "When", cell: ({ at }) => <Time at={at} /> },
  { head: "Subject", cell: ({ subject }) => <code>{subject}</code>, isCut: true },
  { head: "Reason", cell: ({ reason }) => reason, isCut: true },
  {
    head: "Payload",
    cell: ({ payload }) => <code title={payload ?? ""}>{payload ?? "hidden from your role"}</code>,
    isCut: "rest",
  },
  { head: "Act", cell: ({ id }) => <Replay id={id} />, isRight: true },
];

function Replay({ id }: { readonly id: string }) {
  const isAllowed = mayOperate(useStore(whoami));
  const replay = async () => {
    try {
      await baton().replayDeadLetter(id);
      say("It was sent again. The same fault makes a new dead letter.");
      await queries.invalidateQueries({ queryKey: ["listing", "/dead-letters"] });
    } catch (error) {
      say(errorText(error), true);
    }
  };
  if (!isAllowed) return null;
  return (
    <button type="button" className="btn" onClick={() => void replay()}>
      Send again
    </button>
  );
}

export function DeadLetters() {
  usePage([{ text: "Dead letters" }]);
  return (
    <>
      <Intro title="Dead letters">
        Messages that could not be worked on, newest first. They are kept 30 days and hold up nothing.
      </Intro>
      <Listing
        path="/dead-letters"
        label="Dead letters"
        columns={columns}
        keyOf={({ id }) => id}
        empty={<Nothing title="No dead letters">Every message could be worked on.</Nothing>}
      />
    </>
  );
}
