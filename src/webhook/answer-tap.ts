// Stands between a connection and the HTTP client that reads from it, for the two things that the client does not say:
// whether a byte of an answer has come, and that a `100 Continue` for which no request asked is no answer. The client takes
// that for a broken connection, so it is taken out of what the client reads; 102 and 103 the client passes over itself.
import type { Socket } from "node:net";

/** Longer informational answers are the client's to judge. */
const informationBytesMax = 16_384;

export class AnswerTap {
  /** It was open before the present request: an answer came on it, or its first call was not made. */
  isKept = false;
  /** Bytes came since the present request began. */
  hasAnswered = false;
  /** Of the present answer, until it is clear what it begins with; null: it is. */
  #head: Buffer | null = null;

  /** Everything that is read from the socket from now on passes through here. */
  constructor(socket: Socket) {
    const read = socket.read.bind(socket);
    socket.read = (size?: number) => {
      for (;;) {
        const chunk: Buffer | null = read(size);
        const rest = chunk === null ? null : this.#pass(chunk);
        // What was taken out is not the end: the client reads until there is nothing.
        if (rest === null || rest.length > 0) return rest;
      }
    };
  }

  /** A request is about to be written. */
  begin(): void {
    this.hasAnswered = false;
    this.#head = Buffer.alloc(0);
  }

  /** An answer was read to its end. */
  end(): void {
    this.isKept = true;
    this.#head = null;
  }

  /** It is open, and the request that it was opened for is not written. */
  keep(): void {
    this.isKept = true;
  }

  #pass(chunk: Buffer): Buffer {
    this.hasAnswered = true;
    if (this.#head === null) return chunk;
    let head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    while (isContinue(head)) {
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) break;
      head = head.subarray(end + 4);
    }
    if (couldContinue(head) && head.length < informationBytesMax) {
      this.#head = head;
      return nothing;
    }
    this.#head = null;
    return head;
  }
}

const nothing = Buffer.alloc(0);
const [marker10, marker11] = [Buffer.from("HTTP/1.0 100"), Buffer.from("HTTP/1.1 100")] as const;

const isContinue = (head: Buffer): boolean =>
  head.length >= marker11.length &&
  [marker10, marker11].some((marker) => head.subarray(0, marker.length).equals(marker));

/** It begins a `100 Continue` whose end has not come, as far as the bytes so far show. */
const couldContinue = (head: Buffer): boolean =>
  [marker10, marker11].some((marker) => {
    const length = Math.min(head.length, marker.length);
    return head.subarray(0, length).equals(marker.subarray(0, length));
  });
