// A nightly load as a DAG of 500 tasks: one plan fans out to 493 partitions of five tables, these fan in to five loads,
// and the loads to one publication. A partition counts the rows it has moved as it goes (PUT to its handle).
//
//   node examples/etl.mjs http://127.0.0.1:9000 > etl.json      the body of POST /task, calling the service at that URL
import { pathToFileURL } from "node:url";

const tables = ["orders", "customers", "payments", "shipments", "returns"];
const partitions = 493;
const rowsPerPartition = 1000;

export default function etl(service) {
  const start = (path, body) => ({ kind: "Webhook", params: { url: `${service}/run/${path}`, verb: "Post", body } });
  const needs = (ids) => ids.map((id) => ({ id, requires_success: true }));

  const extracts = Array.from({ length: partitions }, (_, i) => {
    const table = tables[i % tables.length];
    const part = String(Math.floor(i / tables.length)).padStart(2, "0");
    const failures = i % 50 === 7 ? 3 : 0; // a few rows are broken; the partition succeeds all the same
    const work = { work_ms: 600 + ((i * 37) % 100) * 34, updates: 4, success: rowsPerPartition - failures, failures };
    return {
      id: `${table}-${part}`,
      name: `Extract ${table}, partition ${part}`,
      kind: "etl.extract",
      metadata: { table, expect: "Success" },
      expected_count: rowsPerPartition,
      dependencies: needs(["plan"]),
      on_start: start("extract", work),
    };
  });

  const loads = tables.map((table) => ({
    id: `load-${table}`,
    name: `Load ${table}`,
    kind: "etl.load",
    metadata: { table, expect: "Success" },
    expected_count: 0,
    dependencies: needs(extracts.filter((task) => task.metadata.table === table).map((task) => task.id)),
    on_start: start("load", { work_ms: 400 }),
  }));

  const plan = { id: "plan", name: "Plan the partitions", on_start: start("plan", { work_ms: 300 }) };
  const publish = {
    id: "publish",
    name: "Publish the new tables",
    dependencies: needs(loads.map((task) => task.id)),
    on_start: start("publish", { work_ms: 300 }),
    on_success: [{ kind: "Webhook", params: { url: `${service}/hooks/published`, verb: "Post" } }],
  };
  const ends = { kind: "etl.control", metadata: { expect: "Success" }, expected_count: 0 };
  return {
    scope: "demo",
    metadata: { pipeline: "etl" },
    on_batch_complete: { kind: "Webhook", params: { url: `${service}/hooks/etl-complete`, verb: "Post" } },
    tasks: [{ ...ends, ...plan }, ...extracts, ...loads, { ...ends, ...publish }],
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const service = process.argv[2];
  if (!service) {
    console.error("usage: node examples/etl.mjs <url of your service>");
    process.exit(2);
  }
  console.log(JSON.stringify(etl(service.replace(/\/+$/, "")), null, 2));
}
