// Owns what of `npm start` can be reached from where: on which address it listens, which receivers its actions may call, and
// the lines of the banner that say so, and whether the calls are signed. It is for development: this machine alone, unless LISTEN_HOST says otherwise.

/** The environment of Baton's processes, with what is said of this machine where the user says nothing himself. */
export function reachable(env, port) {
  const listen = env.LISTEN_HOST || "127.0.0.1";
  const own = { ...env, LISTEN_HOST: listen, HOST_URL: env.HOST_URL || `http://${authority(listen)}:${port}` };
  if (!guards(env)) return own;
  own.ALLOWED_HOSTNAMES = adding(env.ALLOWED_HOSTNAMES, "localhost");
  own.ALLOWED_CIDRS = adding(env.ALLOWED_CIDRS, "127.0.0.0/8");
  return own;
}

/** Where the processes of this machine reach what listens there, as it stands in a URL. */
export function authority(listen) {
  if (listen === "0.0.0.0") return "127.0.0.1";
  if (/^\[?::\]?$/.test(listen)) return "[::1]";
  return listen.includes(":") && !listen.startsWith("[") ? `[${listen}]` : listen;
}

/** The lines of the banner. */
export function reachLines(env) {
  const { LISTEN_HOST: listen } = env;
  const isLocal = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/.test(listen);
  const token = env.AUTH_TOKEN || env.AUTH_TOKENS ? "with a token" : "without a token";
  const who = isLocal
    ? `this machine alone, ${token} (LISTEN_HOST=0.0.0.0: others, too)`
    : `whoever reaches ${authority(listen) === listen ? listen : "any address of this machine"}, ${token}`;
  const called = guards(env)
    ? "public addresses, and this machine: localhost and 127.0.0.0/8 (npm run serve does not allow these)"
    : "every address (SKIP_SSRF_VALIDATION)";
  return [
    ["The API and the workers answer", who],
    ["Actions may call", called],
    ["Calls to services are", signed(env)],
  ];
}

/** A service that checks signatures refuses all calls without, so what is not set is named as well. */
function signed({ WEBHOOK_SIGNING_SECRET: calls, HANDLE_SECRET: handles }) {
  const own = calls ? "signed (WEBHOOK_SIGNING_SECRET)" : "not signed (no WEBHOOK_SIGNING_SECRET)";
  if (!handles) return `${own}; ${calls ? "their handles are not" : "nor are their handles"} (no HANDLE_SECRET)`;
  return `${own}${calls ? ", and so are their handles" : "; their handles are"} (HANDLE_SECRET)`;
}

const guards = ({ SKIP_SSRF_VALIDATION: skip }) => skip !== "1" && skip !== "true";

const adding = (list, item) => (list ? [...new Set([...list.split(","), item])].join(",") : item);
