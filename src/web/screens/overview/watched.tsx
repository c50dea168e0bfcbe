// What the overview says of the installation itself: receivers in trouble, schedules that come next, processes alive.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Overview, Receiver } from "../../../sdk/client.ts";
import { countText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { Panel } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";
import { Ago } from "../../parts/time.tsx";

export function Watched({ figures }: { readonly figures: Overview }) {
  return (
    <div className={figures.schedules.length > 0 ? "three" : "two"}>
      <Receivers unhealthy={figures.receivers_unhealthy} />
      {figures.schedules.length > 0 && (
        <Panel
          title="Schedules"
          end={
            <Link className="link" to="/schedules">
              All
            </Link>
          }
        >
          <table className="grid" aria-label="Schedules, the next first">
            <tbody>
              {figures.schedules.slice(0, 5).map(({ name, next }) => (
                <tr key={name}>
                  <td className="cut">
                    <Link to="/schedules/$name" params={{ name }}>
                      {name}
                    </Link>
                  </td>
                  <td className="right soft">{next === null ? "paused, or over" : <Ago at={next} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Panel>
      )}
      <Panel
        title="Processes"
        end={
          <Link className="link" to="/workers">
            All
          </Link>
        }
      >
        <p className="body row">
          <Shape state={figures.workers > 0 ? "Success" : "Failure"} />
          {countText(figures.workers, "process", "processes")} alive
          {figures.dead_letters > 0 && (
            <Link className="link" to="/dead-letters">
              {countText(figures.dead_letters, "dead letter")}
            </Link>
          )}
        </p>
      </Panel>
    </div>
  );
}

function Receivers({ unhealthy }: { readonly unhealthy: number }) {
  const { data } = useQuery({
    ...{ queryKey: ["receivers", "trouble", unhealthy], enabled: unhealthy > 0 },
    queryFn: () => baton().receivers({ page_size: "100" }),
  });
  const troubled = (data ?? []).filter(({ circuit }) => circuit !== "closed").slice(0, 5);
  return (
    <Panel
      title="Receivers"
      end={
        <Link className="link" to="/receivers">
          All
        </Link>
      }
    >
      {unhealthy === 0 ? (
        <p className="body row">
          <Shape state="Success" /> None is in trouble
        </p>
      ) : (
        <table className="grid" aria-label="Receivers in trouble">
          <tbody>
            {troubled.map((receiver) => (
              <Trouble key={receiver.receiver} {...receiver} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

const Trouble = ({ receiver, until, last_error }: Receiver) => (
  <tr>
    <td>
      <span className="state">
        <Shape state="Failure" label="In trouble" />
        {receiver}
      </span>
    </td>
    <td className="cut soft">
      not called, tried again <Ago at={until} />. {last_error}
    </td>
  </tr>
);
