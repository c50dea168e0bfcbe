// The AsyncAPI 3.0 document: what clients may send and hear by NATS, from the table of subjects and the same schemas as HTTP.

import { version } from "#domain/values/version";
import { components, exampleOf, type Json, refOf } from "#http/docs/components";
import { clientSubjects, type Subject } from "#http/operations/subjects";

let made: Json | undefined;

/** Made once, when it is first asked for. */
export function asyncApi(): Json {
  const rows = Object.entries(clientSubjects);
  made ??= {
    asyncapi: "3.0.0",
    info: {
      title: "Baton",
      version,
      description: "What clients may send to Baton by NATS, and what they may hear. Servers from 2.14 on.",
    },
    defaultContentType: "application/json",
    channels: Object.fromEntries(rows.map(([id, row]) => [id, channelOf(row)])),
    operations: Object.fromEntries(rows.map(([id, row]) => [id, operationOf(id, row)])),
    components: { schemas: components() },
  };
  return made;
}

function channelOf({ address, summary, description, parameters, payload, headers, reply }: Subject): Json {
  const replies = reply ? { answer: messageOf(reply.schema, {}, "The answer.") } : {};
  return {
    ...{ address, title: summary, description },
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, { what, choices, example }]) => [
        name,
        { description: what, ...(choices ? { enum: choices } : {}), examples: [example] },
      ]),
    ),
    messages: { message: messageOf(payload, headers, summary), ...replies },
  };
}

function messageOf(schema: Subject["payload"], headers: Subject["headers"], summary: string): Json {
  const properties = Object.entries(headers).map(([name, description]) => [name, { type: "string", description }]);
  return {
    summary,
    ...(properties.length > 0 ? { headers: { type: "object", properties: Object.fromEntries(properties) } } : {}),
    ...(schema
      ? { payload: refOf(schema), examples: [{ payload: exampleOf(refOf(schema), components()) }] }
      : { payload: true }),
  };
}

function operationOf(id: string, { action, summary, reply }: Subject): Json {
  const channel = { $ref: `#/channels/${id}` };
  const message = (name: string) => ({ $ref: `#/channels/${id}/messages/${name}` });
  const location = reply?.to === "header" ? "$message.header#/Baton-Reply" : "$message.header#/reply";
  return {
    ...{ action, channel, summary, messages: [message("message")] },
    ...(reply ? { reply: { address: { location }, messages: [message("answer")] } } : {}),
  };
}
