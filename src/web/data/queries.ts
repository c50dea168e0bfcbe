// What is asked of the server, once for all who want it, and how long an answer is good for.
import { QueryCache, QueryClient, useQuery } from "@tanstack/react-query";
import { BatonRefused } from "../../sdk/client.ts";
import { paceOf } from "./live/pace.ts";
import { baton, noteRefusal } from "./session.ts";

export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: noteRefusal }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      // What was refused is refused again; what did not answer may.
      retry: (failed, error) => failed < 3 && !(error instanceof BatonRefused && error.status !== 503),
    },
  },
});

/** The figures of the cluster. */
export const useOverview = () =>
  useQuery({
    queryKey: ["overview"],
    queryFn: () => baton().overview(),
    refetchInterval: ({ state }) => paceOf(state.data),
  });
