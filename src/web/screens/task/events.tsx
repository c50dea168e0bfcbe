// What happened to a task, who did it and why.
import { useQuery } from "@tanstack/react-query";
import { baton } from "../../data/session.ts";
import { Asked, Empty, Panel } from "../../parts/panel.tsx";
import { scrolls } from "../../parts/scroll.ts";
import { State } from "../../parts/state.tsx";
import { Time } from "../../parts/time.tsx";

export function TaskEvents({ id }: { readonly id: string }) {
  const query = useQuery({ queryKey: ["task", id, "events"], queryFn: () => baton().events(id) });
  return (
    <Panel title="Events" more="oldest first">
      <Asked query={query}>
        {(events) =>
          events.length === 0 ? (
            <Empty title="Nothing has happened yet" />
          ) : (
            <div {...scrolls}>
              <table className="grid" aria-label="Events">
                <thead>
                  <tr>
                    {["When", "Event", "From", "To", "Attempt", "Why", "Who"].map((text) => (
                      <th key={text} scope="col">
                        {text}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {events.map(({ id: key, at, event, from, to, attempt, reason, actor }) => (
                    <tr key={key}>
                      <td>
                        <Time at={at} />
                      </td>
                      <td>
                        <code>{event}</code>
                      </td>
                      <td>
                        <State state={from} />
                      </td>
                      <td>{from === to ? <span className="soft">refused</span> : <State state={to} />}</td>
                      <td className="num">{attempt + 1}</td>
                      <td className="cut soft" title={reason ?? ""}>
                        {reason}
                      </td>
                      <td>
                        <code className="faint">{actor}</code>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Asked>
    </Panel>
  );
}
