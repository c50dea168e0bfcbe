// Reads a stream of Server-Sent Events as a browser would: what came so far, until it is closed by either side.

export interface Heard {
  readonly status: number;
  readonly headers: Headers;
  /** All that was said, as it came. */
  readonly text: string;
  /** The data of all whole blocks that have some, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly events: readonly any[];
  /** What a browser would resume after. */
  readonly lastId: number | undefined;
  readonly isOpen: boolean;
  close(): void;
  /** Resolves when the stream is over, whoever ended it. */
  readonly over: Promise<void>;
}

export async function hear(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Heard> {
  const connection = new AbortController();
  const response = await fetch(url, { headers, signal: connection.signal });
  let [text, rest, isOpen] = ["", "", true];
  let lastId: number | undefined;
  const events: unknown[] = [];
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      const said = decoder.decode(chunk, { stream: true });
      text += said;
      const blocks = (rest + said).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, id] = /^id: (\d+)$/m.exec(block) ?? [];
        const [, data] = /^data: (.*)$/m.exec(block) ?? [];
        if (id !== undefined) lastId = Number(id);
        if (data !== undefined) events.push(JSON.parse(data));
      }
    }
  };
  const over = read().then(
    () => {
      isOpen = false;
    },
    () => {
      isOpen = false;
    },
  );
  return {
    status: response.status,
    headers: response.headers,
    get text() {
      return text;
    },
    events,
    get lastId() {
      return lastId;
    },
    get isOpen() {
      return isOpen;
    },
    close: () => connection.abort(),
    over,
  };
}
