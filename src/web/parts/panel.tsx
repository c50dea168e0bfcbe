// Panels, and what stands in them while there is nothing, not yet, or an error: always what, why, and what to do.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { BatonRefused } from "../../sdk/client.ts";
import { errorText } from "./error-text.ts";
import { useSlow } from "./time.tsx";

export function Panel({
  title,
  more,
  end,
  className = "",
  children,
}: {
  readonly title: ReactNode;
  readonly more?: ReactNode;
  readonly end?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <section className={`panel ${className}`}>
      <header>
        <h2>{title}</h2>
        {more !== undefined && <span className="soft cut">{more}</span>}
        {end !== undefined && <span className="end">{end}</span>}
      </header>
      {children}
    </section>
  );
}

export const Empty = ({ title, children }: { readonly title: string; readonly children?: ReactNode }) => (
  <div className="empty">
    <h2>{title}</h2>
    {children}
  </div>
);

export function Failed({ error, again }: { readonly error: unknown; readonly again?: () => void }) {
  return (
    <div className="empty" role="alert">
      <h2>{error instanceof BatonRefused && error.status === 404 ? "Not found" : "This could not be read"}</h2>
      <p>{errorText(error)}</p>
      {again && (
        <button type="button" className="btn" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What was asked for, once it is there. */
export function Asked<T>({
  query,
  children,
}: {
  readonly query: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
}) {
  const isSlow = useSlow(query.isPending);
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <Failed error={query.error} again={() => void query.refetch()} />;
  return <div className="empty">{isSlow ? "Loading…" : ""}</div>;
}
