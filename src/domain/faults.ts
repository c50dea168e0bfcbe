// What is wrong with a request: each fault once, with its place, for people (`details`) and for programs (`faults`).
// A place in the body is a path of names and indexes; it is printed as `tasks[2].name` and as the pointer `/tasks/2/name`.

/** A place in a JSON body, from its root: names of members and indexes of entries. */
export type Path = readonly (string | number)[];

/** The stable words for kinds of faults, and what each means. */
export const faultCodes = {
  required: "The member is missing, or null where a value must be given.",
  unknown_field: "The object takes no member of this name.",
  unknown_parameter: "The call takes no query parameter of this name.",
  repeated: "A query parameter was given more than once.",
  wrong_type: "The value has another JSON type than the one allowed.",
  out_of_range: "The number, or a length, lies outside of the range.",
  not_allowed: "The value is none of those allowed.",
  invalid_format: "The text is not written as it must be: a UUID, a time, a URL, a subject, a name of a header.",
  too_many: "The list or object has more entries than allowed.",
  too_large: "The value takes more bytes than allowed.",
  too_deep: "Arrays and objects are nested more than 32 levels deep.",
  duplicate: "The name was used before.",
  conflict: "The member must not stand beside another one, or not with this status.",
  number_changed: "The number cannot be kept without a change: send it as a text.",
  unsafe_text: "The text holds NUL or half of a surrogate pair, or the name is `__proto__`.",
  dependency_unknown: "A dependency or an input names a task that neither the call has nor, when adding, the batch.",
  dependency_self: "A task depends on itself.",
  dependency_cycle: "Tasks depend on each other in a circle.",
  input_no_ancestor: "An input names a task that its own task does not depend on, neither directly nor through others.",
  receiver_blocked: "The URL names a receiver that Baton does not call.",
  header_reserved: "Baton, or the connection itself, sets this header.",
  empty: "The body is empty.",
} as const;
export type FaultCode = keyof typeof faultCodes;

/** A fault for programs. `path`: an RFC 6901 pointer into the body, `?name` for a query parameter, `header:Name`, `:id` in the path, `:path` for the path itself, `request` for what is no request. */
export interface Fault {
  readonly path: string;
  readonly code: FaultCode;
  readonly message: string;
}

/** A fault with its place as it was given: plain data, so that it can go to another thread. */
export interface Found {
  readonly at: Path | string;
  readonly code: FaultCode;
  readonly message: string;
}

const guessesMax = 100;

/** Collects faults, each once. */
export class Faults {
  readonly #found: Map<string, Found>;
  /** Places whose value cannot be read as it was sent. */
  readonly #unreadable = new Set<string>();
  #bareArray = false;
  #guessesLeft = guessesMax;

  /** `found`: by others before. */
  constructor(found: Iterable<readonly [string, Found]> = []) {
    this.#found = new Map(found);
  }

  /** At a place in the body. `sent`: the offending value, which the message quotes if it is short. */
  add(at: Path, code: FaultCode, wrong: string, ...sent: readonly [] | readonly [sent: unknown]): void {
    const name = textOf(at);
    if (this.#unreadable.has(name)) return;
    const message = sent.length === 0 ? wrong : `${wrong}, not ${quoted(sent[0])}`;
    this.#keep(name, { at, code, message });
  }

  /** The same of a value that cannot be read as it was sent: nothing else is said of it afterwards. */
  addUnreadable(at: Path, code: FaultCode, message: string): void {
    const name = textOf(at);
    this.#keep(name, { at, code, message });
    this.#unreadable.add(name);
  }

  /** Outside of the body. `name`: as people know the parameter or header; `path`: for programs. */
  addOutside(path: string, name: string, code: FaultCode, message: string): void {
    this.#keep(name, { at: path, code, message });
  }

  /** The body was the bare array of the tasks, which the paths name all the same. */
  inBareArray(): void {
    this.#bareArray = true;
  }

  /** What is wrong with a part of the body that is judged by itself; `at`: where it lies. */
  addPart(at: Path, part: Faults): void {
    for (const { at: within, code, message } of part.#found.values()) {
      if (typeof within === "string") throw new Error("a part of a body has no parameters");
      const path = [...at, ...within];
      const isBare = part.#bareArray && within[0] === "tasks";
      this.#keep(textOf(path), { at: isBare ? pointerOf([...at, ...within.slice(1)]) : path, code, message });
    }
  }

  #keep(name: string, found: Found): void {
    const key = `${name}: ${found.message}`;
    if (!this.#found.has(key)) this.#found.set(key, found);
  }

  /** For a collection elsewhere that goes on with them. */
  get found(): readonly (readonly [string, Found])[] {
    return [...this.#found];
  }

  /** Whether what was meant by one more name may be looked for: a body may hold very many that are wrong. */
  mayGuess(): boolean {
    return this.#guessesLeft-- > 0;
  }

  get none(): boolean {
    return this.#found.size === 0;
  }

  /** For people: `tasks[2].name: is required`. */
  get list(): readonly string[] {
    return [...this.#found.keys()];
  }

  get faults(): readonly Fault[] {
    return [...this.#found.values()].map(({ at, code, message }) => ({ path: this.#pathOf(at), code, message }));
  }

  #pathOf(at: Path | string): string {
    if (typeof at === "string") return at;
    return pointerOf(this.#bareArray && at[0] === "tasks" ? at.slice(1) : at);
  }
}

/** `tasks[2].metadata["a b"]`; `body` for the whole. Long names are cut. */
function textOf(path: Path): string {
  return path.reduce<string>(childText, "") || "body";
}

function childText(text: string, key: string | number): string {
  if (typeof key === "number") return `${text}[${key}]`;
  if (/^[A-Za-z_$][\w$-]{0,99}$/.test(key)) return text === "" ? key : `${text}.${key}`;
  return `${text}[${JSON.stringify(shortened(key.toWellFormed(), 100))}]`;
}

/** RFC 6901; the empty text is the whole body. Names are whole, as far as JSON can carry them. */
function pointerOf(path: Path): string {
  return path.map((key) => `/${String(key).toWellFormed().replace(/~/g, "~0").replace(/\//g, "~1")}`).join("");
}

/** A value as a message names it: short scalars as they are, of others only what they are. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(shortened(discreet(value.toWellFormed()), 60)) : String(value);
}

/** An address without what may be secret in it: user, password and query. */
const discreet = (text: string): string =>
  /^[a-z][a-z0-9+.-]*:/i.test(text) ? text.replace(/\/\/[^/?#]*@/, "//…@").replace(/\?[^#]*/, "?…") : text;

export const shortened = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text;
