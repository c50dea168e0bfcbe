// The colours of the graph by theme, those of styles/base.css: a canvas knows no variables. By state in the order of `states`.

export interface Theme {
  readonly bg: string;
  readonly box: string;
  readonly line: string;
  readonly edge: string;
  readonly text: string;
  readonly soft: string;
  readonly block: string;
  readonly glyph: string;
  readonly state: readonly string[];
}

export const themes: Readonly<Record<"light" | "dark", Theme>> = {
  light: {
    ...{ bg: "#fbfbfc", box: "#ffffff", line: "#d5dae1", edge: "#a9b2bf" },
    ...{ text: "#1b212b", soft: "#5b6472", block: "#f0f2f5", glyph: "#ffffff" },
    state: [
      ...["#86909b", "#546378", "#4481ae", "#204ca5", "#bb8124", "#844bc9"],
      ...["#38a264", "#b02a27", "#3e281e", "#7a7865"],
    ],
  },
  dark: {
    ...{ bg: "#0f1216", box: "#1a1f27", line: "#333b47", edge: "#566072" },
    ...{ text: "#e8ecf2", soft: "#9aa5b5", block: "#151a20", glyph: "#0f1216" },
    state: [
      ...["#6f788a", "#aebac9", "#5ebffb", "#5994ff", "#f1a64f", "#c362be"],
      ...["#8cd5a0", "#e6332a", "#bc9b93", "#95876b"],
    ],
  },
};
