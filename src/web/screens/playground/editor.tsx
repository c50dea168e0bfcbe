// The text of a batch with its lines: faults stand at their lines. Plain enough to be quick with 50,000 lines, and to be read by a
// screen reader as the text field that it is.
import { type KeyboardEvent, useRef } from "react";
import type { Wrong } from "./check.ts";

interface Props {
  readonly text: string;
  readonly wrongs: readonly Wrong[];
  readonly onText: (text: string) => void;
  readonly onSubmit: () => void;
}

export function Editor({ text, wrongs, onText, onSubmit }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const count = text.split("\n").length;
  const wrongLines = new Set(wrongs.map(({ line }) => line));
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
          <div key={line} className={wrongLines.has(line) ? "wrong" : ""}>
            {line}
          </div>
        ))}
      </div>
      <textarea
        ref={field}
        aria-label="The batch as JSON"
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
