// What strangers send instead of JSON: sound values changed here and there in ways that a parser or a decoder may not expect,
// and texts damaged byte by byte. Pure; all randomness comes from the caller, so that a seed repeats it.
import type { Random } from "#test/dags";

const long = (n: number, unit = "x") => JSON.stringify(unit.repeat(n));
const nested = (n: number, open = "[", close = "]") => open.repeat(n) + close.repeat(n);

/** Texts that stand instead of a value: JSON, though not all of it is acceptable. */
const wild: readonly string[] = [
  ..."null true false 0 -0 1 -1 7 1.5 1e2 2147483647 2147483648 9007199254740991 9007199254740993 1e400 -1e400".split(
    " ",
  ),
  ..."1E-400 0.1e1 123456789012345678901234567890 -32769 1001 86401 31536001".split(" "),
  ...String.raw`"" "1" "x" "\u0000" "a\u0000b" "\ud800" "\udc00\ud800" "\uFEFF" "\u2028" "\u202e" "%00" "\ud83d\ude00"`.split(
    " ",
  ),
  ...`"__proto__" "constructor" "../../etc" "';--" "$1" "{}" "NaN" "\\\\" "null"`.split(" "),
  ...`"2026-13-45T00:00:00Z" "2026-01-01" "0000-00-00T00:00:00Z" "99999-01-01T00:00:00Z" "2026-02-28T25:61:61+99:99"`.split(
    " ",
  ),
  ...`"2020-01-01T00:00:00+14:00" "9999-12-31T23:59:59.999999Z" "0001-01-01T00:00:00Z"`.split(" "),
  ...`"http://127.0.0.1:1/" "http://[::1" "javascript:1" "http://u:p@127.0.0.1:1/" "//x" "baton.work.>" "baton.door"`.split(
    " ",
  ),
  ...`"Success" "Failure" "Running" "Webhook" "Nats" "always" "all" "Concurrency" "fuzz" "a" "b"`.split(" "),
  ...`[] {} [[]] [null] [""] [{"a":[]}] {"":0} {"a":{"b":{"c":1}}} {"length":-1} {"toJSON":1} {"then":1} {"a":1,"a":2}`.split(
    " ",
  ),
  ...String.raw`{"__proto__":{"admin":true}} {"constructor":{"prototype":{"x":1}}} {"a\u0000":1} {"\ud800":1}`.split(
    " ",
  ),
  ...['" "', '"\u2028"', '"a\\nb\\r\\n"', long(300), long(70_000), long(2_000, "é"), long(30_000, "😀")],
  ...[nested(20), nested(28), nested(33), nested(3_000), nested(25, '{"a":', "}").replace('{"a":}', "{}")],
  ...[`[${"1,".repeat(5_000)}1]`, `{${'"a":1,'.repeat(500)}"b":2}`],
];
/** Texts that are no JSON at all. */
const broken: readonly string[] = [
  ...`NaN undefined Infinity 'a' 01 +1 .5 0x10 [1,] {"a":1,} {a:1} "\t" "\\x" /**/1 tru`.split(" "),
  "",
];
const wildKeys: readonly string[] = [
  ..."__proto__ constructor prototype toString hasOwnProperty id status baton attempt x 0 -1 length".split(" "),
  ...["", " ", "\0", "a\0b", "\ud800", "\u{1f600}", "k".repeat(300), "k".repeat(70_000)],
];

/** JSON, or nearly so: the value with about one of its parts replaced, dropped, doubled, renamed or added; at times none. */
export function mutated(random: Random, value: unknown): string {
  const p = (0.2 + random.below(100) / 100) / partsOf(value);
  return random.chance(0.02) ? atom(random) : write(random, value, p);
}

const atom = (random: Random): string => random.pick(random.chance(0.06) ? broken : wild);

const partsOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 1
    : 1 + Object.values(value).reduce((sum: number, part) => sum + partsOf(part), 0);

function write(random: Random, value: unknown, p: number): string {
  if (random.chance(p)) return atom(random);
  if (Array.isArray(value)) {
    const items = value.flatMap((item) => {
      if (random.chance(p / 3)) return [];
      const text = write(random, item, p);
      return random.chance(p / 3) ? [text, text] : [text];
    });
    return `[${items.join(",")}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).flatMap(([key, part]) => {
    if (random.chance(p / 3)) return [];
    const name = random.chance(p / 3) ? random.pick(wildKeys) : key;
    const text = `${JSON.stringify(name)}:${write(random, part, p)}`;
    return random.chance(p / 6) ? [text, text] : [text];
  });
  if (random.chance(p)) entries.push(`${JSON.stringify(random.pick(wildKeys))}:${atom(random)}`);
  return `{${entries.join(",")}}`;
}

/** The text with a few bytes flipped, cut, doubled, or put in; now and then in another encoding. */
export function damaged(random: Random, text: string): Buffer {
  if (random.chance(0.05)) return Buffer.from(text, "utf16le");
  let bytes = Buffer.from(text);
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const ways: readonly (() => Buffer)[] = [
      () => before,
      () => after,
      () => Buffer.concat([before, after.subarray(1 + random.below(8))]),
      () => Buffer.concat([before, Buffer.from([random.below(256), random.below(256)]), after]),
      () => Buffer.concat([before, random.pick(noise), after]),
      () => Buffer.concat([bytes, before]),
      () => Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << random.below(8))]), after.subarray(1)]),
    ];
    bytes = Buffer.from(random.pick(ways)());
  }
  return bytes;
}

const noise = ["\0", "\ufeff", "\r\n\r\n", "\u2028", "{", "}", "[", "]", '"', ",", ":", "\\", "\\u"]
  .map((text) => Buffer.from(text))
  .concat([Buffer.from([0xff, 0xfe]), Buffer.from([0xc0, 0x80]), Buffer.from([0xed, 0xa0, 0x80])]);
