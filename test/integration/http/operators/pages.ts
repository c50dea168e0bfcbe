// Reads a listing page by page, as its `Link` says.
import { expect } from "vitest";
import type { openApi } from "../api.ts";

type Api = Pick<Awaited<ReturnType<typeof openApi>>, "app">;

/** The rows of each page, from here to where there is no `Link`. */
export async function pages<T>(
  { app }: Api,
  url: string,
  between: () => Promise<unknown> = async () => {},
): Promise<T[][]> {
  const found: T[][] = [];
  for (let at: string | undefined = url; at !== undefined; ) {
    const answer: { statusCode: number; headers: object; json(): unknown } = await app.inject(at);
    expect([answer.statusCode, answer.statusCode === 200 ? [] : answer.json()]).toEqual([200, []]);
    found.push(answer.json() as T[]);
    at = /<(.*)>; rel="next"/.exec((answer.headers as { link?: string }).link ?? "")?.[1];
    await between();
  }
  return found;
}
