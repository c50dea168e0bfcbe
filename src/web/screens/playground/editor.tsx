// The text of a batch with its lines: faults stand at their lines. Plain enough to be quick with 50,000 lines, and to be read by a
// screen reader as the text field that it is.
import { type KeyboardEvent, useEffect, useRef } from "react";
import type { Language, Wrong } from "./reading.ts";

interface Props {
  readonly text: string;
  readonly language: Language;
  readonly wrongs: readonly Wrong[];
  readonly warnings: readonly Wrong[];
  /** The line that somebody wants to see, in an object of its own for each time. */
  readonly goTo: { readonly line: number } | undefined;
  readonly onText: (text: string) => void;
  readonly onSubmit: () => void;
}

const lineHeight = 18;

export function Editor({ text, language, wrongs, warnings, goTo, onText, onSubmit }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const latest = useRef(text);
  latest.current = text;
  useEffect(() => {
    if (goTo === undefined || !field.current) return;
    const lines = latest.current.split("\n");
    const from = lines.slice(0, goTo.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
    field.current.focus({ preventScroll: true });
    field.current.setSelectionRange(from, from + (lines[goTo.line - 1]?.length ?? 0));
    field.current.parentElement?.scrollTo({ top: (goTo.line - 4) * lineHeight });
  }, [goTo]);
  const count = text.split("\n").length;
  const marks = new Map<number, string>([
    ...warnings.map(({ line }) => [line, "doubtful"] as const),
    ...wrongs.map(({ line }) => [line, "wrong"] as const),
  ]);
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onSubmit();
    }
  };
  return (
    <div className="editor">
      <div className="lines" aria-hidden="true">
        {Array.from({ length: count }, (_, i) => i + 1).map((line) => (
          <div key={line} className={marks.get(line)}>
            {line}
          </div>
        ))}
      </div>
      <textarea
        ref={field}
        aria-label={`The batch as ${language.toUpperCase()}`}
        aria-invalid={wrongs.length > 0}
        aria-describedby="faults"
        value={text}
        rows={count + 1}
        cols={Math.max(40, ...text.split("\n").map((line) => line.length + 2))}
        spellCheck={false}
        autoCapitalize="off"
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
