// Reads times as Postgres writes them in UTC, which is how every connection of ours asks for them: a turn reads hundreds, and
// the general parser takes ten times as long. Anything else is left to that.

/** `2026-11-23 15:04:05.678901+00`, with any number of decimals; microseconds are dropped. */
export function readTimestamp(text: string): Date {
  if (text.length < 22 || text[4] !== "-" || text[10] !== " " || !text.endsWith("+00")) return new Date(text);
  const digits = (from: number, to: number): number => {
    let n = 0;
    for (let i = from; i < to; i++) n = n * 10 + text.charCodeAt(i) - 48;
    return n;
  };
  const end = text.length - 3;
  const decimals = Math.min(end, 23);
  const ms = end > 20 ? digits(20, decimals) * 10 ** (23 - decimals) : 0;
  return new Date(
    Date.UTC(digits(0, 4), digits(5, 7) - 1, digits(8, 10), digits(11, 13), digits(14, 16), digits(17, 19), ms),
  );
}
