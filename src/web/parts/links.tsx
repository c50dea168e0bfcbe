// Links to tasks and receivers, and the pieces of a sentence that holds them.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Fragment } from "react";
import { shortId } from "../data/format.ts";
import { baton } from "../data/session.ts";
import type { Piece } from "../data/why.ts";
import { Shape } from "./state.tsx";
import { Ago } from "./time.tsx";

/** A task by its name; its id stands there until the name is known. */
export function TaskLink({ id, name }: { readonly id: string; readonly name?: string | undefined }) {
  const asked = useQuery({
    queryKey: ["task", id],
    queryFn: () => baton().task(id),
    enabled: name === undefined,
    staleTime: 5_000,
  });
  const task = asked.data;
  return (
    <span style={{ whiteSpace: "nowrap" }}>
      {task && <Shape state={task.status} label={task.status} />}{" "}
      <Link className="link" to="/tasks/$id/{-$tab}" params={{ id, tab: undefined }}>
        {name ?? task?.name ?? shortId(id)}
      </Link>
    </span>
  );
}

export const Pieces = ({ pieces }: { readonly pieces: readonly Piece[] }) =>
  pieces.map((piece, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a sentence have no other name.
    <Fragment key={i}>{pieceOf(piece)}</Fragment>
  ));

function pieceOf(piece: Piece) {
  if (typeof piece === "string") return piece;
  if ("code" in piece) return <code>{piece.code}</code>;
  if ("task" in piece) return <TaskLink id={piece.task} />;
  if ("until" in piece) return <Ago at={piece.until} />;
  return (
    <Link className="link" to="/receivers">
      {piece.receiver}
    </Link>
  );
}
