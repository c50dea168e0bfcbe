// What an installation without batches shows: how to begin, without reading first.
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { root } from "../../data/session.ts";
import { Code } from "../../parts/code.tsx";
import { examples } from "../playground/examples.ts";

const post = `curl -X POST ${root.href}task -H 'content-type: application/json' \\
  -d '[{"id":"hello","name":"hello","kind":"demo"}]'`;

export function Start() {
  return (
    <section className="panel" aria-labelledby="start">
      <div className="body" style={{ display: "flex", flexDirection: "column", gap: 14, padding: "20px 22px" }}>
        <div>
          <h2 id="start" style={{ fontSize: 18, lineHeight: "26px" }}>
            Nothing has run here yet
          </h2>
          <p className="soft">
            A batch is a graph of tasks. Baton calls your service for each, in order, and remembers what came of it.
          </p>
        </div>
        <div className="cards">
          {examples.map(({ id, title, about }) => (
            <Link key={id} className="panel card" to="/playground" search={{ example: id }}>
              <h3 className="row" style={{ fontSize: 13 }}>
                {title} <ArrowRight size={14} aria-hidden="true" />
              </h3>
              <span className="soft">{about}</span>
            </Link>
          ))}
        </div>
        <div className="two">
          <div>
            <p style={{ paddingBottom: 6 }}>Or watch a pipeline with a pretend service, in another terminal:</p>
            <Code value="npm run demo" label="The command for the demo" />
          </div>
          <div>
            <p style={{ paddingBottom: 6 }}>Or post a batch of your own:</p>
            <Code value={post} label="The call that posts a batch" />
          </div>
        </div>
      </div>
    </section>
  );
}
