// What can be done with a task, as text to take to a terminal or a program.
import { useState } from "react";
import type { Task } from "../../../../sdk/client.ts";
import { root, token } from "../../../data/session.ts";
import { Code } from "../../../parts/code.tsx";
import { Panel } from "../../../parts/panel.tsx";
import { commandsOf, type Tool, tools } from "./commands.ts";

export function CopyAs({ task }: { readonly task: Task }) {
  const [tool, setTool] = useState<Tool>("curl");
  const [name, setName] = useState("");
  const commands = commandsOf(task, { url: root.href.replace(/\/$/, ""), hasToken: token() !== undefined });
  const chosen = commands.find((command) => command.name === name) ?? commands[0];
  if (chosen === undefined) return null;
  return (
    <Panel title="From elsewhere">
      <div className="body" style={{ display: "flex", flexDirection: "column", gap: 10 }}>
        <div className="row wrap">
          <select
            className="field"
            aria-label="What to do"
            value={chosen.name}
            onChange={(event) => setName(event.target.value)}
          >
            {commands.map((command) => (
              <option key={command.name}>{command.name}</option>
            ))}
          </select>
          {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
          <span className="seg" role="group" aria-label="By what">
            {tools.map((one) => (
              <button key={one} type="button" aria-pressed={tool === one} onClick={() => setTool(one)}>
                {one}
              </button>
            ))}
          </span>
        </div>
        <Code value={chosen.by[tool]} label={`The command for ${tool}`} />
      </div>
    </Panel>
  );
}
