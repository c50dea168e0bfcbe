// What a shell offers behind TAB: the script for each shell, and the words that fit, from the commands themselves. What was typed is never
// evaluated.
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;

const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `_baton() {
  local v; COMPREPLY=()
  while IFS=$'\\t' read -r v _; do [[ "$v" == "\${COMP_WORDS[COMP_CWORD]}"* ]] && COMPREPLY+=("$v"); done \\
    < <(baton complete-words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _baton baton
`,
  zsh: `#compdef baton
_baton() {
  local -a found; local v d
  while IFS=$'\\t' read -r v d; do found+=("\${v//:/\\\\:}:$d"); done < <(baton complete-words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe 'baton' found || _files
}
compdef _baton baton
`,
  fish: `complete -c baton -f -a '(baton complete-words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

export const completionScript = (shell: (typeof shells)[number]): string => scripts[shell];

/** "word<TAB>what it does", for the last of the words that were typed. */
export function candidates(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? "";
  let command = program;
  for (const word of words.slice(0, -1)) command = command.commands.find((one) => one.name() === word) ?? command;
  const options = [...command.options, ...program.options].flatMap(({ long, description }) =>
    long ? [[long, description] as const] : [],
  );
  const commands = command.commands
    .filter((one) => !one.name().startsWith("complete-"))
    .map((one) => [one.name(), one.description()] as const);
  const choices = command.registeredArguments[0]?.argChoices?.map((choice) => [choice, ""] as const) ?? [];
  const all = last.startsWith("-") ? options : command.commands.length > 0 ? commands : choices;
  return [...new Map(all)].filter(([word]) => word.startsWith(last)).map(([word, says]) => `${word}\t${says}`);
}
