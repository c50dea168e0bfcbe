// Text that can be copied: JSON, ids, commands. It is text, whatever stands in it.
import { Check, Copy } from "lucide-react";
import { useState } from "react";

function CopyButton({ text, label = "Copy" }: { readonly text: string; readonly label?: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text).catch(() => {});
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return (
    <button type="button" className="btn plain" onClick={() => void copy()} aria-label={label} title={label}>
      {isDone ? <Check size={14} /> : <Copy size={14} />}
    </button>
  );
}

export function Code({ value, label }: { readonly value: unknown; readonly label: string }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="code" tabIndex={0} aria-label={label}>
      <CopyButton text={text} label={`Copy ${label.toLowerCase()}`} />
      <pre>{text}</pre>
    </section>
  );
}

export const Id = ({ id }: { readonly id: string }) => (
  <span className="row" style={{ gap: 2 }}>
    <code className="cut" title={id}>
      {id}
    </code>
    <CopyButton text={id} label="Copy the id" />
  </span>
);
